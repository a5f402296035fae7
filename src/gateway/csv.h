#pragma once

#include <string>
#include <string_view>

namespace insula::gateway {

/// Writes one line of CSV behind what is in a text. What a spreadsheet would take for a formula
/// gets an apostrophe before it. Spec: RFC 4180.
class CsvLine {
 public:
  explicit CsvLine(std::string& out) : out_(out) {}

  /// Quoted where it must be.
  CsvLine& field(std::string_view text);

  void end() { out_ += "\r\n"; }

 private:
  std::string& out_;
  bool first_ = true;
};

}  // namespace insula::gateway
