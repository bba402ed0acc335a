#include "cli/tools.h"

#include <fmt/format.h>

#include <cstdio>

namespace holdfast::cli {

int complain(const std::string& what, int exit_code) {
  fmt::print(stderr, "holdfast: {}\n", what);
  return exit_code;
}

void add_tools(Tool app, int& exit_code) {
  add_status(app, exit_code);
  add_nodes(app, exit_code);
  add_lock(app, exit_code);
  add_sem(app, exit_code);
  add_elect(app, exit_code);
  add_inspect(app, exit_code);
  add_watch(app, exit_code);
  add_backup(app, exit_code);
  add_restore(app, exit_code);
  add_check_data(app, exit_code);
  add_recover(app, exit_code);
  add_bench(app, exit_code);
}

}  // namespace holdfast::cli
