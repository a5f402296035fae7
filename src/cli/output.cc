#include "cli/output.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "json/write.h"

namespace insula::cli {
namespace {

constexpr std::size_t kColumnGap = 3;

/// Cells are ASCII or CJK text: a code point above U+2E80 takes two columns of a terminal.
std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0U) == 0x80U) continue;
    width +=
        byte >= 0xE2 && (byte > 0xE2 || static_cast<unsigned char>(text[i + 1]) >= 0xBA) ? 2 : 1;
  }
  return width;
}

/// A scalar that YAML 1.1 and 1.2 both read as this very text without quotes.
bool is_plain(std::string_view text) {
  if (text.empty() || text.size() > 200) return false;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!is_letter(text.front()) && text.front() != '/') return false;
  for (const char c : text) {
    const bool allowed =
        is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '/';
    if (!allowed) return false;
  }
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const std::string_view word :
       {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}) {
    if (lower == word) return false;
  }
  return true;
}

void append_text(std::string& out, std::string_view text) {
  if (is_plain(text)) {
    out += text;
  } else {
    json::append_string(out, text);  // JSON's quoting is YAML's double quoting
  }
}

void append_yaml(std::string& out, const json::Value& value, std::size_t indent);

void append_member(std::string& out, const json::Value& value, std::size_t indent) {
  const json::Array* array = value.as_array();
  const json::Object* object = value.as_object();
  const bool block =
      (array != nullptr && !array->empty()) || (object != nullptr && !object->empty());
  out += block ? '\n' : ' ';
  // A list stands at the level of its key, as kubectl writes it.
  append_yaml(out, value, block && object != nullptr ? indent + 2 : indent);
}

void append_object(std::string& out, const json::Object& object, std::size_t indent) {
  bool first = true;
  for (const auto& [key, value] : object) {
    // The first member of a list item follows its dash.
    if (!first || out.empty() || out.back() == '\n') out.append(indent, ' ');
    first = false;
    append_text(out, key);
    out += ':';
    append_member(out, value, indent);
  }
}

void append_yaml(std::string& out, const json::Value& value, std::size_t indent) {
  const json::Array* array = value.as_array();
  const json::Object* object = value.as_object();
  if (object != nullptr && !object->empty()) {
    append_object(out, *object, indent);
  } else if (array != nullptr && !array->empty()) {
    for (const json::Value& item : *array) {
      out.append(indent, ' ');
      out += "- ";
      append_yaml(out, item, indent + 2);
    }
  } else if (const std::string* text = value.as_string()) {
    append_text(out, *text);
    out += '\n';
  } else {
    json::append(out, value);
    out += '\n';
  }
}

}  // namespace

Table::Table(std::vector<std::string> header) {
  rows_.push_back(std::move(header));
}

void Table::row(std::vector<std::string> cells) {
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - width_of(row[i]) + kColumnGap, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string number_cell(const std::optional<std::int64_t>& number) {
  return number ? std::to_string(*number) : "-";
}

std::string to_yaml(const json::Value& value) {
  std::string out;
  append_yaml(out, value, 0);
  return out;
}

void print(const json::Value& value, std::string_view form) {
  fmt::print("{}", form == "yaml" ? to_yaml(value) : json::write_pretty(value) + "\n");
}

std::string program_folder() {
  std::ifstream file("/proc/self/cmdline");
  std::string program;
  std::getline(file, program, '\0');
  if (program.find('/') == std::string::npos) return "";
  std::error_code error;
  const auto called = std::filesystem::absolute(program, error).lexically_normal();
  const auto real = std::filesystem::canonical(called, error);
  // A link in a source tree stands beside folders with names of tools (cmake/), which some programs
  // take for them when the tree is on PATH.
  return (real.filename() == called.filename() ? real : called).parent_path().string();
}

}  // namespace insula::cli
