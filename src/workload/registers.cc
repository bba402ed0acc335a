#include "workload/registers.h"

#include <fmt/format.h>

#include <utility>

namespace holdfast::workload {

// ---- CompareAndSet

void CompareAndSet::ask(Round& round) {
  if (step_ == Step::unwatch) return round.add({"UNWATCH"});
  if (step_ == Step::watch) {
    round.add({"WATCH", key_});
    // Without effect until EXEC is sent.
    read_ = round.operation(Op::cas, key_, {});
    which_ = journal_.begin(read_);
    journal_.at(which_).ended = Ended::failed;
    return round.add({"GET", key_});
  }
  round.add({"MULTI"});
  round.add({"SET", key_, fresh_});
  journal_.at(which_) = round.operation(Op::cas, key_, old_ + " " + fresh_);
  asked_exec_ = true;
  step_ = Step::multi;
  round.add({"EXEC"});
}

void CompareAndSet::on_answer(const Answer& answer) {
  switch (step_) {
    case Step::watch:
    case Step::get:
      return on_first_round(answer);
    case Step::multi:
      if (!answer.broken() && !read_ok(*answer.reply)) unexpected(answer, "MULTI");
      step_ = Step::queue;
      return;
    case Step::queue:
      if (!answer.broken() && answer.reply->text != "QUEUED") unexpected(answer, "SET after MULTI");
      step_ = Step::exec;
      return;
    case Step::exec:
      return on_exec(answer);
    case Step::unwatch:
      if (!answer.broken() && !read_ok(*answer.reply)) unexpected(answer, "UNWATCH");
      break;
    case Step::set:
    case Step::over:
      break;
  }
  step_ = Step::over;
}

void CompareAndSet::on_first_round(const Answer& answer) {
  const bool watching = step_ == Step::watch;
  if (answer.meaning != Meaning::answered) {
    refused_ = true;
    const bool expected = answer.broken() || answer.meaning == Meaning::not_done;
    if (!expected) unexpected(answer, watching ? "WATCH" : "GET");
  } else if (watching) {
    if (!read_ok(*answer.reply)) unexpected(answer, "WATCH");
  } else if (auto text = read_text(*answer.reply)) {
    old_ = std::move(*text);
    read_.arg = old_ + " " + fresh_;
    read_.return_ns = answer.now.ns;
  } else {
    refused_ = true;
    unexpected(answer, "GET");
  }
  step_ = watching ? Step::get : refused_ ? Step::unwatch : Step::set;
  if (answer.broken() && step_ == Step::unwatch) step_ = Step::over;
  if (step_ == Step::over || step_ == Step::unwatch) {
    journal_.end(which_, Ended::failed, {}, answer.now);
  }
}

// What is watched is watched by its connection.
void CompareAndSet::on_broken(Instant now) {
  if (step_ == Step::set) journal_.end(which_, Ended::failed, {}, now);
  step_ = Step::over;
}

void CompareAndSet::on_exec(const Answer& answer) {
  step_ = Step::over;
  if (answer.meaning == Meaning::not_done) {
    return journal_.end(which_, Ended::failed, {}, answer.now);
  }
  if (answer.meaning == Meaning::unknown) {
    return journal_.end(which_, Ended::unknown, {}, answer.now);
  }
  const resp::Reply& reply = *answer.reply;
  if (reply.kind == resp::Reply::Kind::null) {
    // It was not set; what is known is what was read.
    const std::int64_t read_ns = read_.return_ns;
    journal_.at(which_) = read_;
    return journal_.end(which_, Ended::ok, "0", {read_ns});
  }
  if (reply.kind == resp::Reply::Kind::array && reply.items.size() == 1 &&
      read_ok(reply.items[0])) {
    return journal_.end(which_, Ended::ok, "1", answer.now);
  }
  unexpected(answer, "EXEC");
  journal_.end(which_, Ended::unknown, {}, answer.now);
}

void CompareAndSet::unexpected(const Answer& answer, std::string_view command) {
  journal_.problem(fmt::format("{} for {} was answered by {}", command, key_, show(*answer.reply)));
}

void CompareAndSet::finish(Instant now) {
  if (step_ == Step::watch || step_ == Step::over) return;
  journal_.end(which_, asked_exec_ ? Ended::unknown : Ended::failed, {}, now);
}

// ---- SetIfUnchanged

void SetIfUnchanged::ask(Round& round) {
  if (step_ == Step::revision) {
    round.add({"REV", key_});
    // Without effect until IFREV is sent.
    read_ = round.operation(Op::cas, key_, {});
    which_ = journal_.begin(read_);
    journal_.at(which_).ended = Ended::failed;
    return round.add({"GET", key_});
  }
  journal_.at(which_) = round.operation(Op::cas, key_, old_ + " " + fresh_);
  asked_set_ = true;
  round.add({"IFREV", key_, revision_, "SET", key_, fresh_});
}

void SetIfUnchanged::on_answer(const Answer& answer) {
  if (step_ == Step::set) return on_set(answer);
  if (step_ == Step::read) return on_read(answer);
  step_ = Step::read;
  if (answer.meaning != Meaning::answered) return;
  const resp::Reply& reply = *answer.reply;
  const bool map = reply.kind == resp::Reply::Kind::map;
  const std::size_t modified = map ? 3 : 1;
  const bool fits = reply.items.size() == modified + 1 &&
                    reply.items[modified].kind == resp::Reply::Kind::integer;
  if (!fits) return unexpected(answer, "REV");
  revision_ = fmt::format("{}", reply.items[modified].number);
}

void SetIfUnchanged::on_read(const Answer& answer) {
  step_ = Step::over;
  if (answer.meaning == Meaning::answered && !revision_.empty()) {
    if (auto text = read_text(*answer.reply)) {
      old_ = std::move(*text);
      read_.arg = old_ + " " + fresh_;
      read_.return_ns = answer.now.ns;
      step_ = Step::set;
      return;
    }
    unexpected(answer, "GET");
  }
  journal_.end(which_, Ended::failed, {}, answer.now);
}

void SetIfUnchanged::on_set(const Answer& answer) {
  step_ = Step::over;
  if (answer.meaning == Meaning::not_done) {
    return journal_.end(which_, Ended::failed, {}, answer.now);
  }
  if (answer.meaning == Meaning::unknown) {
    return journal_.end(which_, Ended::unknown, {}, answer.now);
  }
  if (answer.meaning == Meaning::denied) {
    // It was not set; what is known is what was read.
    const std::int64_t read_ns = read_.return_ns;
    journal_.at(which_) = read_;
    return journal_.end(which_, Ended::ok, "0", {read_ns});
  }
  if (read_ok(*answer.reply)) return journal_.end(which_, Ended::ok, "1", answer.now);
  unexpected(answer, "IFREV");
  journal_.end(which_, Ended::unknown, {}, answer.now);
}

void SetIfUnchanged::unexpected(const Answer& answer, std::string_view command) {
  journal_.problem(fmt::format("{} for {} was answered by {}", command, key_, show(*answer.reply)));
}

void SetIfUnchanged::finish(Instant now) {
  if (step_ == Step::over || (step_ == Step::revision && !asked_set_)) return;
  journal_.end(which_, asked_set_ ? Ended::unknown : Ended::failed, {}, now);
}

// ---- ShortLived

void ShortLived::ask(Round& round) {
  open_ = true;
  // The next look at it may come at once, or only after its time.
  pause_ = milliseconds(round.prng().between(0, ttl_ms_ * 2 / 3));
  if (!written_) {
    which_ =
        journal_.begin(round.operation(Op::write_ttl, key_, fmt::format("{} {}", value_, ttl_ms_)));
    return round.add({"SET", key_, value_, "PX", fmt::format("{}", ttl_ms_)});
  }
  which_ = journal_.begin(round.operation(Op::read, key_, {}));
  round.add({"GET", key_});
}

void ShortLived::on_answer(const Answer& answer) {
  open_ = false;
  journal_.settle(which_, answer, written_ ? read_text : read_ok);
  const Operation& operation = journal_.at(which_);
  const bool ended =
      written_ ? ++reads_ == kReads || (operation.ended == Ended::ok && operation.ret.empty())
               : operation.ended != Ended::ok;
  written_ = true;
  over_ = ended || hurried_;
  wake_at_ = answer.now + pause_;
}

void ShortLived::finish(Instant now) {
  if (open_) journal_.end(which_, Ended::unknown, {}, now);
}

}  // namespace holdfast::workload
