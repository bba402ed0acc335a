#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <utility>

namespace holdfast::cli {
Option Option::required() {
  option_->required();
  return *this;
}

Option Option::shows_default() {
  option_->capture_default_str();
  return *this;
}

Option Option::with_commas() {
  option_->delimiter(',')->allow_extra_args(false);
  return *this;
}

Option Option::between(std::int64_t least, std::int64_t most) {
  option_->check(CLI::Range(least, most));
  return *this;
}

Option Option::between(double least, double most) {
  option_->check(CLI::Range(least, most));
  return *this;
}

Option Option::or_variable(const std::string& name) {
  option_->envname(name);
  return *this;
}

Option Option::excludes(Option other) {
  option_->excludes(other.option_);
  return *this;
}

bool Option::given() const { return option_->count() > 0; }

Tool Tool::add_tool(const std::string& name, const std::string& help) {
  return Tool(app_->add_subcommand(name, help));
}

Option Tool::add_option(const std::string& name, std::string& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}

Option Tool::add_option(const std::string& name, std::vector<std::string>& value,
                        const std::string& help) {
  return Option(app_->add_option(name, value, help));
}

Option Tool::add_option(const std::string& name, int& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}

Option Tool::add_option(const std::string& name, std::uint32_t& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}

Option Tool::add_option(const std::string& name, std::int64_t& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}

Option Tool::add_option(const std::string& name, std::uint64_t& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}

Option Tool::add_option(const std::string& name, double& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}

Option Tool::add_option(const std::string& name, std::function<void(const std::string&)> take,
                        const std::string& help) {
  return Option(app_->add_option_function<std::string>(name, std::move(take), help));
}

Option Tool::add_flag(const std::string& name, bool& value, const std::string& help) {
  return Option(app_->add_flag(name, value, help));
}

Option Tool::add_flag(const std::string& name, std::function<void(bool)> take,
                      const std::string& help) {
  return Option(app_->add_flag_function(
      name, [take = std::move(take)](std::int64_t count) { take(count > 0); }, help));
}

void Tool::footer(const std::string& text) { app_->footer(text); }

void Tool::at_most_one_tool() { app_->require_subcommand(0, 1); }

void Tool::on_chosen(std::function<void()> run) { app_->callback(std::move(run)); }

bool Tool::chosen() const { return app_->parsed(); }

bool Tool::chosen_a_tool() const { return !app_->get_subcommands().empty(); }

void lacks(const std::string& word) { throw CLI::RequiredError(word); }

CommandLine::CommandLine(const std::string& name, const std::string& about,
                         const std::string& version)
    : app_(std::make_unique<CLI::App>(about, name)) {
  app_->set_version_flag("--version", version);
  app_->require_subcommand(1);
}

CommandLine::~CommandLine() = default;

Tool CommandLine::program() { return Tool(app_.get()); }

std::optional<int> CommandLine::parse(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_->exit(error) == 0 ? 0 : kUsage;
  }
  return std::nullopt;
}

}  // namespace holdfast::cli
