#include <algorithm>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/number.h"
#include "cel/library/arguments.h"
#include "cel/library/held.h"
#include "cel/library/library.h"

namespace insula::cel::library {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kLetters =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-";

bool is_only_of(std::string_view text, std::string_view characters) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

/// A number without zeros before it.
std::optional<std::uint64_t> number_in(std::string_view text) {
  if (!is_only_of(text, kDigits) || (text.size() > 1 && text.starts_with('0'))) return std::nullopt;
  return parse_whole<std::uint64_t>(text);
}

std::vector<std::string_view> split(std::string_view text, char at, std::size_t most) {
  std::vector<std::string_view> out;
  while (out.size() + 1 < most && text.find(at) != std::string_view::npos) {
    out.push_back(text.substr(0, text.find(at)));
    text.remove_prefix(text.find(at) + 1);
  }
  out.push_back(text);
  return out;
}

/// One part of what follows the dash; numbers come before words.
struct Identifier {
  std::optional<std::uint64_t> number;
  std::string word;

  std::strong_ordering operator<=>(const Identifier& other) const {
    if (number.has_value() != other.number.has_value()) {
      return number ? std::strong_ordering::less : std::strong_ordering::greater;
    }
    return number ? *number <=> *other.number : word <=> other.word;
  }

  bool operator==(const Identifier&) const = default;
};

/// A version without its build, which counts for nothing in comparisons.
/// Spec: semver.org 2.0.0, "Semantic Versioning Specification".
struct Version {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  std::uint64_t patch = 0;
  std::vector<Identifier> pre_release;

  std::strong_ordering operator<=>(const Version& other) const {
    const auto release =
        std::tie(major, minor, patch) <=> std::tie(other.major, other.minor, other.patch);
    if (release != 0) return release;
    // A release comes after what was before it.
    if (pre_release.empty() || other.pre_release.empty())
      return other.pre_release.size() <=> pre_release.size();
    return pre_release <=> other.pre_release;
  }

  bool operator==(const Version& other) const { return (*this <=> other) == 0; }
};

/// Takes off what is behind `mark`, in parts; without a mark there are none.
std::vector<std::string_view> take_parts(std::string_view& text, char mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return {};
  std::vector<std::string_view> out = split(text.substr(at + 1), '.', text.size());
  text = text.substr(0, at);
  return out;
}

bool is_word(std::string_view text) {
  return !text.empty() && is_only_of(text, kLetters);
}

std::optional<Version> version_in(std::string_view text) {
  std::vector<std::string_view> parts = split(text, '.', 3);
  if (parts.size() != 3) return std::nullopt;
  if (!std::ranges::all_of(take_parts(parts[2], '+'), is_word)) return std::nullopt;
  Version out;
  for (const std::string_view part : take_parts(parts[2], '-')) {
    const bool numeric = is_only_of(part, kDigits);
    const auto number = numeric ? number_in(part) : std::nullopt;
    if (!is_word(part) || (numeric && !number)) return std::nullopt;
    out.pre_release.push_back({number, numeric ? std::string() : std::string(part)});
  }
  const auto major = number_in(parts[0]);
  const auto minor = number_in(parts[1]);
  const auto patch = number_in(parts[2]);
  if (!major || !minor || !patch) return std::nullopt;
  std::tie(out.major, out.minor, out.patch) = std::tie(*major, *minor, *patch);
  return out;
}

/// `v1.02` as `1.2.0`. A short version has neither a pre-release nor a build.
std::string normalized(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  std::vector<std::string> parts;
  for (std::string_view part : split(text, '.', 3)) {
    while (part.size() > 1 && part.starts_with('0') && is_only_of(part.substr(1, 1), kDigits))
      part.remove_prefix(1);
    parts.emplace_back(part);
  }
  if (parts.size() < 3 && parts.back().find_first_of("+-") != std::string::npos) return {};
  parts.resize(3, "0");
  return fmt::format("{}", fmt::join(parts, "."));
}

using HeldVersion = Held<Version, "kubernetes.Semver">;

/// The text is the first argument; the second, if there is one, whether to normalize it.
Result<std::optional<Version>> read(Arguments a, Budget& budget) {
  const std::string& text = a[0].text();
  INSULA_TRY_VOID(charge_bytes(budget, text.size()));
  return a.size() > 1 && a[1].is_true() ? version_in(normalized(text)) : version_in(text);
}

Result<Value> make(Arguments a, Budget& budget) {
  INSULA_TRY(std::optional<Version> version, read(a, budget));
  if (!version) return invalid(fmt::format("\"{}\" is no semantic version", a[0].text()));
  return HeldVersion::make(*std::move(version));
}

Result<Value> is_version(Arguments a, Budget& budget) {
  INSULA_TRY(const std::optional<Version> version, read(a, budget));
  return Value::boolean(version.has_value());
}

void add_number(FunctionTable& table, const char* name, std::uint64_t Version::* number) {
  table.add_member(name, {{HeldVersion::own_type()},
                          Type::integer(),
                          [number](Arguments a, Budget& budget) -> Result<Value> {
                            INSULA_TRY_VOID(budget.charge(1));
                            const std::uint64_t value = HeldVersion::in(a[0]).*number;
                            if (!std::in_range<std::int64_t>(value))
                              return invalid("integer overflow");
                            return Value::integer(static_cast<std::int64_t>(value));
                          }});
}

template <class Shown>
Implementation comparison(Shown shown) {
  return [shown](Arguments a, Budget& budget) -> Result<Value> {
    INSULA_TRY_VOID(budget.charge(HeldVersion::in(a[0]).pre_release.size() + 1));
    return shown(HeldVersion::in(a[0]) <=> HeldVersion::in(a[1]));
  };
}

}  // namespace

void add_versions(FunctionTable& table) {
  const TypePtr& type = HeldVersion::own_type();
  for (const auto& parameters :
       {std::vector{Type::string()}, std::vector{Type::string(), Type::boolean()}}) {
    table.add("semver", {parameters, type, make});
    table.add("isSemver", {parameters, Type::boolean(), is_version});
  }
  add_number(table, "major", &Version::major);
  add_number(table, "minor", &Version::minor);
  add_number(table, "patch", &Version::patch);
  table.add_member("isGreaterThan",
                   {{type, type}, Type::boolean(), comparison([](std::strong_ordering order) {
                      return Value::boolean(order > 0);
                    })});
  table.add_member("isLessThan",
                   {{type, type}, Type::boolean(), comparison([](std::strong_ordering order) {
                      return Value::boolean(order < 0);
                    })});
  table.add_member("compareTo",
                   {{type, type}, Type::integer(), comparison([](std::strong_ordering order) {
                      return Value::integer(order < 0 ? -1 : order > 0 ? 1 : 0);
                    })});
}

}  // namespace insula::cel::library
