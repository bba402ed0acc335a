// A log file record by record. Its header and those of the records say where they belong; a payload
// is only added to a checksum.
#include <fmt/format.h>

#include "base/checksum.h"
#include "base/mutation.h"
#include "storage/file_scan.h"
#include "storage/log_format.h"

namespace holdfast::storage {
namespace {

class SegmentScan final : public FileScan {
 public:
  explicit SegmentScan(const SegmentExtent& segment) : segment_(segment) {
    expect_whole(kSegmentHeaderBytes);
  }

 private:
  enum class Step { header, record, payload, padding, rest };

  std::string on_whole(std::string_view bytes) override {
    return step_ == Step::header ? on_header(bytes) : on_record(bytes);
  }

  std::string on_part(std::string_view bytes) override {
    if (step_ == Step::payload) {
      content_.add(bytes);
    } else if (!all_zero(bytes)) {
      return step_ == Step::padding ? "the padding of a record is not zero"
                                    : "behind the last record there is something";
    }
    return "";
  }

  std::string on_parts_end() override {
    if (step_ == Step::payload) {
      if (content_.value() != record_.content && !mutated(Mutation::scrub_believes_all)) {
        return "the content of a record fails its checksum";
      }
      step_ = Step::padding;
      expect_parts(record_bytes(record_.length) - kRecordHeaderBytes - record_.length);
    } else if (step_ == Step::padding) {
      next_record();
    } else {
      expect_end();
    }
    return "";
  }

  std::string on_header(std::string_view bytes) {
    SegmentHeader header;
    if (std::string wrong = decode(bytes, header); !wrong.empty()) return wrong;
    if (header.version != kLogVersion || header.folder != segment_.folder ||
        header.segment != segment_.number || header.size != segment_.size) {
      return "its header is another file's";
    }
    record_end_ = kSegmentHeaderBytes;
    next_record();
    return "";
  }

  void next_record() {
    record_begin_ = record_end_;
    if (record_begin_ < segment_.end) {
      step_ = Step::record;
      return expect_whole(kRecordHeaderBytes);
    }
    step_ = Step::rest;
    expect_parts(segment_.bytes_to_read() - record_begin_);
  }

  std::string on_record(std::string_view bytes) {
    const auto header = decode_record_header(bytes);
    if (!header) return "the header of a record fails its checksum";
    if (header->place != Place{segment_.folder, segment_.number, record_begin_}) {
      return "a record lies here that belongs elsewhere";
    }
    record_ = *header;
    record_end_ = record_begin_ + record_bytes(header->length);
    if (record_end_ > segment_.end) return "a record is longer than what was written";
    content_ =
        ChecksumOfParts(consensus::content_seed(header->group, header->index, header->entry_kind));
    step_ = Step::payload;
    expect_parts(record_.length);
    return "";
  }

  const SegmentExtent segment_;
  Step step_ = Step::header;
  RecordHeader record_;
  std::uint64_t record_begin_ = 0;
  std::uint64_t record_end_ = 0;
  ChecksumOfParts content_;
};

}  // namespace

std::unique_ptr<FileScan> scan_segment(const SegmentExtent& segment) {
  return std::make_unique<SegmentScan>(segment);
}

}  // namespace holdfast::storage
