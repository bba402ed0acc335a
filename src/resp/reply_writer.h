// Writes replies in RESP2 or RESP3 into a buffer that it does not own.
//
// The caller says what it means (a map, a null, a double); the writer knows how each protocol
// spells it: a map is a flat array in RESP2, null is `_` in RESP3, and so on. REQUIRES: aggregates
// are followed by as many elements as announced.
//
// A command says its reply wherever it runs, but mostly only one node has somebody to tell: elsewhere the
// writer has no buffer, and puts nothing together.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::resp {

// Neutral: for a reply that is kept and told later, to a client of either version (resp/neutral.h).
enum class Version : std::uint8_t { resp2 = 2, resp3 = 3, neutral = 4 };

class ReplyWriter {
 public:
  ReplyWriter(std::string& out, Version version) : ReplyWriter(&out, version) {}
  // Null: nobody will read it.
  ReplyWriter(std::string* out, Version version) : out_(out), version_(version) {}

  Version version() const { return version_; }
  bool resp3() const { return version_ != Version::resp2; }
  // Whether anybody will read it: for who would have to compute what to say.
  bool heard() const { return out_ != nullptr; }

  void ok();                           // +OK
  void simple(std::string_view text);  // +text; no line ends in it
  // -text; the first word is the kind ("ERR …", "WRONGTYPE …"). Line ends become spaces.
  void error(std::string_view text);
  void integer(std::int64_t value);
  void bulk(std::string_view bytes);
  void bulk_integer(std::int64_t value);  // the number as a bulk string
  void null();                            // $-1 or _
  void null_array();                      // *-1 or _
  void boolean(bool value);               // :1/:0 or #t/#f
  void double_value(double value);        // bulk or ','; shortest form that reads back the same
  void verbatim(std::string_view text);   // bulk or =…txt:
  void array(std::size_t count);
  void map(std::size_t pairs);         // *2n or %n
  // A thing with named parts: *n, the values alone, or %n. Each value is announced by field().
  void record(std::size_t fields);
  void field(std::string_view name);   // nothing, or the name
  void set(std::size_t count);         // *n or ~n
  void push(std::size_t count);        // *n or >n
  void raw(std::string_view encoded);  // already encoded for this version

  std::size_t size() const { return heard() ? out_->size() : 0; }

 private:
  std::string* out_;
  Version version_;
};

}  // namespace holdfast::resp
