// The tools for people: one file each, listed in tools.cc.
//
// A tool talks to servers through client/ and prints for people, or JSON for programs.
#pragma once

#include <string>

#include "cli/command_line.h"

namespace holdfast::cli {

// Adds every tool as a subcommand. The one that is chosen runs while the line is parsed, and leaves
// its exit code.
void add_tools(Tool app, int& exit_code);

// Says on stderr why a tool does not do what it was asked for; gives back its exit code.
int complain(const std::string& what, int exit_code = 1);

void add_status(Tool app, int& exit_code);
void add_backup(Tool app, int& exit_code);
void add_restore(Tool app, int& exit_code);
void add_check_data(Tool app, int& exit_code);
void add_recover(Tool app, int& exit_code);
void add_bench(Tool app, int& exit_code);
void add_nodes(Tool app, int& exit_code);
void add_lock(Tool app, int& exit_code);
void add_sem(Tool app, int& exit_code);
void add_elect(Tool app, int& exit_code);
void add_inspect(Tool app, int& exit_code);
void add_watch(Tool app, int& exit_code);

}  // namespace holdfast::cli
