#include "os/openssl.h"

#include <fmt/format.h>
#include <time.h>

namespace holdfast::os {
namespace {

tm calendar_of(const ASN1_TIME& time) {
  tm calendar{};
  ASN1_TIME_to_tm(&time, &calendar);
  return calendar;
}

}  // namespace

std::string take_openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no reason is known";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? std::string(reason) : fmt::format("error {:x}", code);
}

std::string subject_of(const X509& certificate) {
  const OwnBio out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_ONELINE);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string text_of(const ASN1_TIME& time) {
  const tm at = calendar_of(time);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", at.tm_year + 1900, at.tm_mon + 1,
                     at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec);
}

WallTime wall_time_of(const ASN1_TIME& time) {
  tm at = calendar_of(time);
  return {std::int64_t{::timegm(&at)} * 1000};
}

}  // namespace holdfast::os
