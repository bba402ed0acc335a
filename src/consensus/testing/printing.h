// Protocol things as text, for transcripts and for what a failed test prints.
#pragma once

#include <string>

#include "consensus/protocol.h"

namespace holdfast::consensus::testing {

std::string to_text(MessageKind kind);
std::string to_text(Role role);
std::string to_text(ProposalRefusal refusal);
std::string to_text(ChangeRefusal refusal);
// 3:1.2 for the entry at 3 of epoch 1.2, with its payload if it has one.
std::string to_text(const Entry& entry);
std::string to_text(const std::vector<Entry>& entries);
std::string to_text(const Message& message);
// One line for each effect, in the order in which a host carries them out, each after `indent`.
std::string to_text(const Effects& effects, const std::string& indent);
std::string to_text(const Membership& membership);
std::string to_text(const Status& status);

}  // namespace holdfast::consensus::testing
