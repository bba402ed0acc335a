#include "main/config_layers.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>

namespace holdfast {
namespace {

std::string variable_name(std::string_view setting) {
  std::string name = "HOLDFAST_";
  for (const char c : setting) {
    name += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  return name;
}

// A value as the setting's parser wants it; nothing for tables, dates and the like.
std::optional<std::string> text_of(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto flag = node.value_exact<bool>()) return *flag ? "true" : "false";
  if (const auto number = node.value_exact<std::int64_t>()) return fmt::to_string(*number);
  const toml::array* array = node.as_array();
  if (array == nullptr) return std::nullopt;
  std::string joined;
  for (const toml::node& item : *array) {
    const auto text = item.value_exact<std::string>();
    if (!text) return std::nullopt;
    if (!joined.empty()) joined += ',';
    joined += *text;
  }
  return joined;
}

}  // namespace

server::ConfigLayer environment_layer() {
  server::ConfigLayer layer;
  for (const server::Setting& setting : server::all_settings()) {
    const std::string name = variable_name(setting.name);
    const char* value = std::getenv(name.c_str());
    if (value != nullptr) layer.values.push_back({std::string(setting.name), value, name});
  }
  return layer;
}

Result<server::ConfigLayer> file_layer(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{fmt::format("cannot read the configuration file {}", path)};
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  server::ConfigLayer layer;
  try {
    const toml::table table = toml::parse(text, path);
    for (const auto& [key, node] : table) {
      const auto line = node.source().begin.line;
      const std::string origin = fmt::format("{}:{}", path, line);
      auto value = text_of(node);
      if (!value) {
        return Error{
            fmt::format("{}: {} has a value of a kind that no setting has", origin, key.str())};
      }
      layer.values.push_back({std::string(key.str()), *std::move(value), origin});
    }
  } catch (const toml::parse_error& error) {
    return Error{fmt::format("{}:{}: {}", path, error.source().begin.line, error.description())};
  }
  return layer;
}

}  // namespace holdfast
