// How often a command may be sent, and what its caller is told in the end.
//
// Three outcomes stay three. What a server says was not done (NOLEADER …) is tried again for as
// long as there is time. What may have been done is sent again only if that does no harm: because
// it changes nothing, or because it runs under ONCE. Once something may have been done, only an
// answer to the command itself ends the doubt: a refusal that the command does not get as far as
// ONCE for does not.
//
// Threads: those of the link.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/link.h"
#include "holdfast/outcome.h"
#include "holdfast/value.h"

namespace holdfast::client {

enum class Repeat : std::uint8_t {
  unsent,  // only what was certainly not done
  freely,  // whatever became of it: it changes nothing
  safely,  // whatever became of it: done once is done, the answer is the same
};

Outcome<Value> call(Link& link, const Setup& setup, const std::vector<std::string_view>& words,
                    Repeat repeat);

// Nothing, or why a client does not send this: it would change what its connection means.
std::string refuse_words(const std::vector<std::string_view>& words);

// ---- what answers mean

// Whether a command that is answered so was refused before it was looked at, and will not be for
// ever.
bool is_passing(std::string_view kind);
Failure failure_of(const resp::Reply& error);
// REQUIRES: `answer` is none.
Failure failure_of(const Answer& answer, Fate fate);
// An answer that makes no sense.
Failure strange(std::string_view command, Fate fate);
// Of what is refused here, before anything is sent.
Failure refused_options(std::string why);
Value value_of(resp::Reply reply);
void add_sentence(std::string& text, std::string_view sentence);

// Between two attempts.
inline constexpr Duration kPause = milliseconds(50);

}  // namespace holdfast::client
