#include <algorithm>
#include <cctype>

#include "api/codec.h"
#include "api/custom/value_check.h"
#include "api/time.h"
#include "api/validation/names.h"
#include "cel/loose_duration.h"

namespace insula::api {

namespace {

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) != 0; });
}

/// 8-4-4-4-12 hexadecimal digits; without dashes they are taken, too, as in Kubernetes.
bool is_uuid(std::string_view text, char version) {
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash_place = i == 8 || i == 13 || i == 18 || i == 23;
    if (text[i] == '-' && dash_place && text.size() == 36) continue;
    digits += text[i];
  }
  if (digits.size() != 32 || !is_hex(digits)) return false;
  return version == 0 || digits[12] == version;
}

bool is_date(std::string_view text) {
  return text.size() == 10 && Time::parse(std::string(text) + "T00:00:00Z").has_value();
}

bool is_email(std::string_view text) {
  const std::size_t at = text.rfind('@');
  return at != std::string_view::npos && at > 0 && at + 1 < text.size() &&
         text.find(' ') == std::string_view::npos;
}

/// A scheme and something behind it, or an absolute path.
bool is_uri(std::string_view text) {
  if (text.starts_with('/')) return true;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return false;
  return std::isalpha(static_cast<unsigned char>(text[0])) != 0 &&
         std::ranges::all_of(text.substr(0, colon), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.';
         });
}

/// Six groups of two hexadecimal digits.
bool is_mac(std::string_view text) {
  if (text.size() != 17 || (text[2] != ':' && text[2] != '-')) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % 3 == 2 ? text[i] != text[2] : !is_hex(text.substr(i, 1))) return false;
  }
  return true;
}

bool is_duration(std::string_view text) {
  return cel::parse_loose_duration(text).has_value();
}

bool is_date_time(std::string_view text) {
  return Time::parse(text).has_value();
}

bool is_byte(std::string_view text) {
  return !text.empty() && !text.contains('\n') && !text.contains('\r') &&
         base64_decode(text).has_value();
}

bool is_hostname(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return check_dns1123_subdomain(lower).empty();
}

bool is_color(std::string_view text) {
  if (text.starts_with('#')) text.remove_prefix(1);
  return (text.size() == 3 || text.size() == 6) && is_hex(text);
}

struct Format {
  std::string_view name;
  bool (*fits)(std::string_view text);
};

constexpr Format kFormats[] = {
    {"date", is_date},
    {"date-time", is_date_time},
    {"datetime", is_date_time},
    {"duration", is_duration},
    {"byte", is_byte},
    {"ipv4", is_ipv4},
    {"ipv6", is_ipv6},
    {"cidr", [](std::string_view text) { return check_cidr(text).empty(); }},
    {"mac", is_mac},
    {"uuid", [](std::string_view text) { return is_uuid(text, 0); }},
    {"uuid3", [](std::string_view text) { return is_uuid(text, '3'); }},
    {"uuid4", [](std::string_view text) { return is_uuid(text, '4'); }},
    {"uuid5", [](std::string_view text) { return is_uuid(text, '5'); }},
    {"hostname", is_hostname},
    {"email", is_email},
    {"uri", is_uri},
    {"hexcolor", is_color},
    {"k8s-short-name", [](std::string_view text) { return check_dns1123_label(text).empty(); }},
    {"k8s-long-name", [](std::string_view text) { return check_dns1123_subdomain(text).empty(); }},
};

}  // namespace

bool is_of_format(std::string_view text, std::string_view format) {
  const auto known = std::ranges::find(kFormats, format, &Format::name);
  return known == std::ranges::end(kFormats) || known->fits(text);
}

}  // namespace insula::api
