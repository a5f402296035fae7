#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"

namespace insula::cli {

/// Columns as wide as their widest cell, three blanks apart, as kubectl prints them.
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  void row(std::vector<std::string> cells);
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// A cell for a number; `-` when there is none.
[[nodiscard]] std::string number_cell(const std::optional<std::int64_t>& number);

/// YAML of a JSON value, in block style.
[[nodiscard]] std::string to_yaml(const json::Value& value);

/// Prints to stdout as `json` or `yaml`.
void print(const json::Value& value, std::string_view form);

/// The folder in which a shell finds the program that was typed, under the name by which it was:
/// that of the file itself, or of the link when the file has another name. Empty when it was found
/// through PATH.
[[nodiscard]] std::string program_folder();

}  // namespace insula::cli
