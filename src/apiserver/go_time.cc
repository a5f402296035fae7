#include "apiserver/go_time.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>

#include <fmt/format.h>

#include "api/go_quoted.h"

namespace insula::apiserver {

namespace {

using namespace std::string_view_literals;

/// A piece of Go's layout for RFC 3339: digits that mean a number, or what stands between them.
struct Piece {
  std::string_view layout;
  std::string_view name;  // empty: itself
  int least = 0;
  int most = 0;
};

constexpr std::array kPieces = {
    Piece{"2006", "year", 0, 9999}, Piece{"-", "", 0, 0},         Piece{"01", "month", 1, 12},
    Piece{"-", "", 0, 0},           Piece{"02", "day"},           Piece{"T", "", 0, 0},
    Piece{"15", "hour", 0, 23},     Piece{":", "", 0, 0},         Piece{"04", "minute", 0, 59},
    Piece{":", "", 0, 0},           Piece{"05", "second", 0, 59},
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Bytes of `text` that are the piece; 0 when it does not begin with it.
std::size_t matching(const Piece& piece, std::string_view text) {
  const std::string_view begin = text.substr(0, piece.layout.size());
  if (begin.size() < piece.layout.size()) return 0;
  const bool fits =
      piece.name.empty() ? begin == piece.layout : std::ranges::all_of(begin, is_digit);
  return fits ? begin.size() : 0;
}

int number(std::string_view digits) {
  int out = 0;
  for (const char c : digits)
    out = out * 10 + (c - '0');
  return out;
}

/// `Z`, `+08:00`; 0 when it is neither.
std::size_t zone_bytes(std::string_view text) {
  if (text.starts_with('Z')) return 1;
  constexpr std::string_view kForm = "+00:00";
  if (text.size() < kForm.size() || (text[0] != '+' && text[0] != '-')) return 0;
  for (std::size_t at = 1; at < kForm.size(); ++at) {
    if (kForm[at] == '0' ? !is_digit(text[at]) : text[at] != kForm[at]) return 0;
  }
  return kForm.size();
}

/// A fraction may follow the seconds, which the layout does not say.
std::size_t fraction_bytes(std::string_view text) {
  if (text.size() < 2 || (text[0] != '.' && text[0] != ',') || !is_digit(text[1])) return 0;
  const auto* end = std::find_if_not(text.begin() + 1, text.end(), is_digit);
  return static_cast<std::size_t>(end - text.begin());
}

bool is_date(int year, int month, int day) {
  return std::chrono::year_month_day(std::chrono::year(year),
                                     std::chrono::month(static_cast<unsigned>(month)),
                                     std::chrono::day(static_cast<unsigned>(day)))
      .ok();
}

}  // namespace

Result<> check_go_time(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::kBadRequest,
                fmt::format("parsing time {}{}", api::go_quoted(text), why));
  };
  const auto no_match = [&](std::string_view rest, std::string_view layout) {
    return refuse(fmt::format(" as \"2006-01-02T15:04:05Z07:00\": cannot parse {} as \"{}\"",
                              api::go_quoted(rest), layout));
  };
  std::string_view rest = text;
  std::array<int, kPieces.size()> numbers{};
  for (std::size_t i = 0; i < kPieces.size(); ++i) {
    const Piece& piece = kPieces.at(i);
    const std::size_t bytes = matching(piece, rest);
    if (bytes == 0) return no_match(rest, piece.layout);
    if (!piece.name.empty()) numbers.at(i) = number(rest.substr(0, bytes));
    const bool bounded = piece.most > 0;
    if (bounded && (numbers.at(i) < piece.least || numbers.at(i) > piece.most))
      return refuse(fmt::format(": {} out of range", piece.name));
    rest.remove_prefix(bytes);
  }
  rest.remove_prefix(fraction_bytes(rest));
  const std::size_t zone = zone_bytes(rest);
  if (zone == 0) return no_match(rest, "Z07:00");
  rest.remove_prefix(zone);
  if (!rest.empty()) return refuse(fmt::format(": extra text: {}", api::go_quoted(rest)));
  if (!is_date(numbers[0], numbers[2], numbers[4])) return refuse(": day out of range");
  return {};
}

}  // namespace insula::apiserver
