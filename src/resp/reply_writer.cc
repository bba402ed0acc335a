#include "resp/reply_writer.h"

#include "resp/neutral.h"
#include "resp/number.h"

namespace holdfast::resp {
namespace {

void put(std::string* out, std::string_view text) {
  if (out != nullptr) out->append(text);
}

// A line of its own, appended in one piece: most replies are one.
void line(std::string* out, char kind, std::int64_t number) {
  if (out == nullptr) return;
  char text[kIntegerBytes + 3];
  text[0] = kind;
  char* const end = put_integer(text + 1, number);
  end[0] = '\r';
  end[1] = '\n';
  out->append(text, static_cast<std::size_t>(end + 2 - text));
}

void header(std::string* out, char kind, std::size_t number) {
  line(out, kind, static_cast<std::int64_t>(number));
}

void counted(std::string* out, char kind, std::string_view bytes) {
  if (out == nullptr) return;
  header(out, kind, bytes.size());
  out->append(bytes).append("\r\n", 2);
}

}  // namespace

void ReplyWriter::ok() { put(out_, "+OK\r\n"); }

void ReplyWriter::simple(std::string_view text) {
  if (heard()) out_->append(1, '+').append(text).append("\r\n", 2);
}

void ReplyWriter::error(std::string_view text) {
  if (!heard()) return;
  out_->push_back('-');
  // A client's bytes are quoted in some texts and must not end the line.
  for (const char c : text) out_->push_back(c == '\r' || c == '\n' ? ' ' : c);
  out_->append("\r\n", 2);
}

void ReplyWriter::integer(std::int64_t value) {
  line(out_, ':', value);
}

void ReplyWriter::bulk(std::string_view bytes) { counted(out_, '$', bytes); }

void ReplyWriter::bulk_integer(std::int64_t value) {
  if (!heard()) return;
  std::string text;  // at most 20 characters; 15 of them need no memory
  append_integer(text, value);
  bulk(text);
}

void ReplyWriter::null() { put(out_, resp3() ? "_\r\n" : "$-1\r\n"); }

void ReplyWriter::null_array() {
  put(out_, version_ == Version::resp3 ? "_\r\n" : "*-1\r\n");
}

void ReplyWriter::boolean(bool value) {
  if (resp3()) {
    put(out_, value ? "#t\r\n" : "#f\r\n");
  } else {
    integer(value ? 1 : 0);
  }
}

void ReplyWriter::double_value(double value) {
  if (!heard()) return;
  if (resp3()) {
    out_->push_back(',');
    append_double(*out_, value);
    out_->append("\r\n", 2);
  } else {
    std::string text;
    append_double(text, value);
    bulk(text);
  }
}

void ReplyWriter::verbatim(std::string_view text) {
  if (!heard()) return;
  if (resp3()) {
    header(out_, '=', text.size() + 4);
    out_->append("txt:").append(text).append("\r\n", 2);
  } else {
    bulk(text);
  }
}

void ReplyWriter::array(std::size_t count) { header(out_, '*', count); }

void ReplyWriter::map(std::size_t pairs) {
  header(out_, resp3() ? '%' : '*', resp3() ? pairs : pairs * 2);
}

void ReplyWriter::record(std::size_t fields) {
  header(out_, version_ == Version::neutral ? kNeutralRecord : resp3() ? '%' : '*', fields);
}

void ReplyWriter::field(std::string_view name) {
  if (resp3()) bulk(name);
}

void ReplyWriter::set(std::size_t count) { header(out_, resp3() ? '~' : '*', count); }

void ReplyWriter::push(std::size_t count) { header(out_, resp3() ? '>' : '*', count); }

void ReplyWriter::raw(std::string_view encoded) { put(out_, encoded); }

}  // namespace holdfast::resp
