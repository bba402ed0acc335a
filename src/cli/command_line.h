// The command line in our own words: subcommands, their options and flags. The library behind it,
// CLI11, is a header that takes ten seconds to compile, so only one source includes it.
//
// Tool and Option are handles: copied freely, good as long as the CommandLine they come from. What
// an option is read into has to outlive the parsing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace holdfast::cli {

// The exit code of a tool whose command line makes no sense.
inline constexpr int kUsage = 2;

// Each method that returns an Option returns this one, to go on with.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option required();
  // The help tells the value that stands there before anything is parsed.
  Option shows_default();
  // A list in one word, with commas between; the word behind it is somebody else's.
  Option with_commas();
  Option between(int least, int most) { return between(std::int64_t{least}, std::int64_t{most}); }
  Option between(std::int64_t least, std::int64_t most);
  Option between(double least, double most);
  // Read from this variable of the environment where the line says nothing.
  Option or_variable(const std::string& name);
  Option excludes(Option other);

  // After parsing: whether the line has it.
  bool given() const;

 private:
  CLI::Option* option_;
};

// A subcommand.
class Tool {
 public:
  explicit Tool(CLI::App* app) : app_(app) {}

  Tool add_tool(const std::string& name, const std::string& help);

  // `name`: "--limit" for what is named on the line, "limit" for what stands at its place. A list
  // takes every word that is left.
  Option add_option(const std::string& name, std::string& value, const std::string& help);
  Option add_option(const std::string& name, std::vector<std::string>& value,
                    const std::string& help);
  Option add_option(const std::string& name, int& value, const std::string& help);
  Option add_option(const std::string& name, std::uint32_t& value, const std::string& help);
  Option add_option(const std::string& name, std::int64_t& value, const std::string& help);
  Option add_option(const std::string& name, std::uint64_t& value, const std::string& help);
  Option add_option(const std::string& name, double& value, const std::string& help);
  Option add_option(const std::string& name, std::function<void(const std::string&)> take,
                    const std::string& help);
  Option add_flag(const std::string& name, bool& value, const std::string& help);
  Option add_flag(const std::string& name, std::function<void(bool)> take, const std::string& help);

  void footer(const std::string& text);
  // It is used as it is, or with one of its own tools.
  void at_most_one_tool();
  // Called at the end of parsing if the line has chosen it.
  void on_chosen(std::function<void()> run);

  // From then on: whether the line has chosen it; one of its tools.
  bool chosen() const;
  bool chosen_a_tool() const;

 private:
  CLI::App* app_;
};

// What on_chosen() says if the line lacks `word` after all.
[[noreturn]] void lacks(const std::string& word);

class CommandLine {
 public:
  CommandLine(const std::string& name, const std::string& about, const std::string& version);
  ~CommandLine();

  // The program itself: one of its tools has to be chosen.
  Tool program();

  // Parses and runs what is chosen. If the line makes no sense, or asks for help or the version,
  // that is printed, and the exit code of the program comes back: 2, or 0.
  std::optional<int> parse(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace holdfast::cli
