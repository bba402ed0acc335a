// A set of elements that only grows, kept as the value of one key: each APPEND adds an element, a
// GET reads them all, in the order in which they came.
#pragma once

#include <cstdint>
#include <string>

#include "workload/activity.h"
#include "workload/names.h"

namespace holdfast::workload {

class SetOperation final : public Activity {
 public:
  // `element`: to insert; empty: reads them all.
  SetOperation(Journal& journal, Names& names, std::uint64_t number, std::string element)
      : journal_(journal), names_(names), number_(number), element_(std::move(element)) {}

  void ask(Round& round) override;
  void on_answer(const Answer& answer) override;
  bool over() const override { return over_; }
  void finish(Instant now) override;

 private:
  Journal& journal_;
  Names& names_;
  std::uint64_t number_;
  std::string element_;
  std::size_t which_ = 0;
  bool asked_ = false;
  bool over_ = false;
};

}  // namespace holdfast::workload
