#include "server/withheld_answers.h"

#include <utility>

namespace holdfast::server {
namespace {

// What large answers needed is given back.
constexpr std::size_t kKeptBytes = 64 * 1024;

void cut_front(std::string& text, std::size_t bytes) {
  text.erase(0, bytes);
  if (text.empty() && text.capacity() > kKeptBytes) std::string().swap(text);
}

}  // namespace

void WithheldAnswers::add(const commands::CommandSpec& spec, consensus::ReadTicket ticket,
                          Instant arrived, std::string_view request,
                          std::string_view reply) {
  if (ticket == 0) ticket = answers_.back().ticket;
  requests_.append(request);
  replies_.append(reply);
  answers_.push_back({&spec, ticket, arrived, replies_.size(), requests_.size()});
}

std::string_view WithheldAnswers::release(consensus::ReadTicket ticket, Instant now,
                                          Metrics& metrics) {
  const std::string_view replies = replies_;
  std::size_t begin = 0;
  released_ = 0;
  for (const Answer& answer : answers_) {
    if (answer.ticket > ticket) break;
    metrics.count_answer(answer.spec, now - answer.arrived,
                         replies.substr(begin, answer.replies_end - begin));
    begin = answer.replies_end;
    ++released_;
  }
  return replies.substr(0, begin);
}

void WithheldAnswers::forget_released() {
  const std::size_t count = std::exchange(released_, 0);
  if (count == 0) return;
  const Answer last = answers_[count - 1];
  answers_.erase(answers_.begin(), answers_.begin() + static_cast<std::ptrdiff_t>(count));
  for (Answer& answer : answers_) {
    answer.replies_end -= last.replies_end;
    answer.requests_end -= last.requests_end;
  }
  cut_front(replies_, last.replies_end);
  cut_front(requests_, last.requests_end);
}

std::string WithheldAnswers::refuse(std::string_view error, Instant now, Metrics& metrics) {
  std::string replies;
  for (const Answer& answer : answers_) {
    metrics.count_answer(answer.spec, now - answer.arrived, error);
    ++metrics.not_done;
    replies.append(error);
  }
  take_requests();
  return replies;
}

std::string WithheldAnswers::take_requests() {
  answers_.clear();
  cut_front(replies_, replies_.size());
  released_ = 0;
  return std::exchange(requests_, {});
}

}  // namespace holdfast::server
