// The tools for people: one file each, listed in tools.cc.
//
// A tool talks to servers through client/ and prints for people, or JSON for programs.
#pragma once

namespace CLI {
class App;
}

namespace holdfast::cli {

// Adds every tool as a subcommand. The one that is chosen runs while the line is parsed, and leaves
// its exit code.
void add_tools(CLI::App& app, int& exit_code);

void add_status(CLI::App& app, int& exit_code);
void add_backup(CLI::App& app, int& exit_code);
void add_restore(CLI::App& app, int& exit_code);
void add_check_data(CLI::App& app, int& exit_code);
void add_recover(CLI::App& app, int& exit_code);
void add_bench(CLI::App& app, int& exit_code);
void add_nodes(CLI::App& app, int& exit_code);
void add_lock(CLI::App& app, int& exit_code);
void add_sem(CLI::App& app, int& exit_code);
void add_elect(CLI::App& app, int& exit_code);
void add_inspect(CLI::App& app, int& exit_code);
void add_watch(CLI::App& app, int& exit_code);

}  // namespace holdfast::cli
