#include "cli/tools.h"

namespace holdfast::cli {

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
