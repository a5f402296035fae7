#include "api/validation/names.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <arpa/inet.h>
#include <fmt/format.h>

namespace insula::api {

namespace {

constexpr std::string_view kDnsLabelRegex = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
constexpr std::string_view kQualifiedRegex = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_lower_or_digit(char c) {
  return is_lower(c) || is_digit(c);
}

bool is_alnum(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

bool is_label_char(char c) {
  return is_lower_or_digit(c) || c == '-';
}

bool matches_dns_label(std::string_view value) {
  return !value.empty() && is_lower_or_digit(value.front()) && is_lower_or_digit(value.back()) &&
         std::ranges::all_of(value, is_label_char);
}

bool matches_subdomain(std::string_view value) {
  while (true) {
    const std::size_t dot = value.find('.');
    if (!matches_dns_label(value.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    value.remove_prefix(dot + 1);
  }
}

bool matches_qualified_part(std::string_view value) {
  return !value.empty() && is_alnum(value.front()) && is_alnum(value.back()) &&
         std::ranges::all_of(
             value, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

/// `what (e.g. 'a',  or 'b', regex used for validation is '...')`, spacing included.
std::string regex_complaint(std::string_view what,
                            std::string_view regex,
                            std::initializer_list<std::string_view> examples) {
  std::string text(what);
  text += " (e.g. ";
  bool first = true;
  for (const std::string_view example : examples) {
    if (!first) text += " or ";
    first = false;
    text += fmt::format("'{}', ", example);
  }
  return text + fmt::format("regex used for validation is '{}')", regex);
}

/// Kubernetes says "characters" of DNS names and "bytes" of labels; both are counted in bytes.
std::string name_length_complaint(std::size_t bytes_max) {
  return fmt::format("must be no more than {} characters", bytes_max);
}

std::string length_complaint(std::size_t bytes_max) {
  return fmt::format("must be no more than {} bytes", bytes_max);
}

std::string qualified_complaint() {
  return regex_complaint(
      "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
      "alphanumeric character",
      kQualifiedRegex, {"MyName", "my.name", "123-abc"});
}

void add_directory_complaints(std::string_view value, Complaints& out) {
  if (value == ".") {
    out.emplace_back("must not be '.'");
  } else if (value == "..") {
    out.emplace_back("must not be '..'");
  } else if (value.starts_with("..")) {
    out.emplace_back("must not start with '..'");
  }
}

}  // namespace

Complaints check_dns1123_label(std::string_view value) {
  Complaints out;
  if (value.size() > kLabelMax) out.push_back(name_length_complaint(kLabelMax));
  if (matches_dns_label(value)) return out;
  if (matches_subdomain(value)) {
    out.emplace_back("must not contain dots");
  } else {
    out.push_back(
        regex_complaint("a lowercase RFC 1123 label must consist of lower case alphanumeric "
                        "characters or '-', and must "
                        "start and end with an alphanumeric character",
                        kDnsLabelRegex, {"my-name", "123-abc"}));
  }
  return out;
}

Complaints check_dns1035_label(std::string_view value) {
  Complaints out;
  if (value.size() > kLabelMax) out.push_back(name_length_complaint(kLabelMax));
  const bool begins = !value.empty() && value.front() >= 'a' && value.front() <= 'z';
  if (begins && matches_dns_label(value.substr(0, kLabelMax))) return out;
  out.emplace_back(
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
      "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or "
      "'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')");
  return out;
}

Complaints check_dns1123_subdomain(std::string_view value) {
  Complaints out;
  if (value.size() > kSubdomainMax) out.push_back(name_length_complaint(kSubdomainMax));
  if (!matches_subdomain(value)) {
    out.push_back(
        regex_complaint("a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
                        "characters, '-' or '.', "
                        "and must start and end with an alphanumeric character",
                        fmt::format("{0}(\\.{0})*", kDnsLabelRegex), {"example.com"}));
  }
  return out;
}

Complaints check_wildcard_subdomain(std::string_view value) {
  constexpr std::string_view kStart = "*.";
  Complaints out;
  if (value.size() > kSubdomainMax) out.push_back(name_length_complaint(kSubdomainMax));
  if (!value.starts_with(kStart) || !matches_subdomain(value.substr(kStart.size()))) {
    out.push_back(regex_complaint(
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, "
        "which must consist of lower case alphanumeric characters, '-' or '.' and end with an "
        "alphanumeric character",
        fmt::format("\\*\\.{0}(\\.{0})*", kDnsLabelRegex), {"*.example.com"}));
  }
  return out;
}

Complaints check_path_segment(std::string_view value) {
  if (value == "." || value == "..") return {fmt::format("may not be '{}'", value)};
  Complaints out;
  for (const std::string_view part : {"/", "%"}) {
    if (value.contains(part)) out.push_back(fmt::format("may not contain '{}'", part));
  }
  return out;
}

Complaints check_qualified_name(std::string_view value) {
  Complaints out;
  const auto slashes = std::ranges::count(value, '/');
  if (slashes > 1) {
    return {"a valid label key " + qualified_complaint() +
            " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"};
  }
  std::string_view name = value;
  if (slashes == 1) {
    const std::string_view prefix = value.substr(0, value.find('/'));
    name = value.substr(prefix.size() + 1);
    if (prefix.empty()) {
      out.emplace_back("prefix part must be non-empty");
    } else {
      for (const std::string& complaint : check_dns1123_subdomain(prefix)) {
        out.push_back("prefix part " + complaint);
      }
    }
  }
  if (name.empty()) {
    out.emplace_back("name part must be non-empty");
  } else if (name.size() > kLabelMax) {
    out.push_back("name part " + length_complaint(kLabelMax));
  }
  if (!matches_qualified_part(name)) out.push_back("name part " + qualified_complaint());
  return out;
}

Complaints check_label_value(std::string_view value) {
  Complaints out;
  if (value.size() > kLabelMax) out.push_back(length_complaint(kLabelMax));
  if (!value.empty() && !matches_qualified_part(value)) {
    out.push_back(
        regex_complaint("a valid label must be an empty string or consist of alphanumeric "
                        "characters, '-', '_' or '.', "
                        "and must start and end with an alphanumeric character",
                        fmt::format("({})?", kQualifiedRegex), {"MyValue", "my_value", "12345"}));
  }
  return out;
}

Complaints check_config_key(std::string_view value) {
  Complaints out;
  if (value.size() > kSubdomainMax) {
    out.push_back(name_length_complaint(kSubdomainMax));
  }
  const bool plain = !value.empty() && std::ranges::all_of(value, [](char c) {
    return is_alnum(c) || c == '-' || c == '_' || c == '.';
  });
  if (!plain) {
    out.push_back(regex_complaint(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        "[-._a-zA-Z0-9]+", {"key.name", "KEY_NAME", "key-name"}));
  }
  add_directory_complaints(value, out);
  return out;
}

Complaints check_env_name(std::string_view value) {
  Complaints out;
  if (value.empty()) out.emplace_back("environment variable name must be non-empty");
  if (std::ranges::any_of(value, [](char c) { return c < 0x20 || c > 0x7e || c == '='; })) {
    out.emplace_back(
        "a valid environment variable name must consist only of printable ASCII characters other "
        "than '='");
  }
  return out;
}

Complaints check_http_header_name(std::string_view value) {
  if (!value.empty() && std::ranges::all_of(value, [](char c) { return is_alnum(c) || c == '-'; }))
    return {};
  return {regex_complaint("a valid HTTP header must consist of alphanumeric characters or '-'",
                          "[-A-Za-z0-9]+", {"X-Header-Name"})};
}

Complaints check_port_number(std::int64_t value) {
  if (value >= 1 && value <= 65535) return {};
  return {range_complaint(1, 65535)};
}

Complaints check_port_name(std::string_view value) {
  Complaints out;
  if (value.size() > 15) out.push_back(name_length_complaint(15));
  if (value.empty() || !std::ranges::all_of(value, is_label_char)) {
    out.emplace_back("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  }
  if (!std::ranges::any_of(value, is_lower))
    out.emplace_back("must contain at least one letter (a-z)");
  if (value.contains("--")) out.emplace_back("must not contain consecutive hyphens");
  if (value.starts_with('-') || value.ends_with('-')) {
    out.emplace_back("must not begin or end with a hyphen");
  }
  return out;
}

Complaints check_percent(std::string_view value) {
  if (value.size() > 1 && value.back() == '%' &&
      std::ranges::all_of(value.substr(0, value.size() - 1), is_digit)) {
    return {};
  }
  return {
      regex_complaint("a valid percent string must be a numeric string followed by an ending '%'",
                      "[0-9]+%", {"1%", "93%"})};
}

bool is_ipv4(std::string_view value) {
  std::array<unsigned char, 4> bytes{};
  return inet_pton(AF_INET, std::string(value).c_str(), bytes.data()) == 1;
}

bool is_ipv6(std::string_view value) {
  std::array<unsigned char, 16> bytes{};
  return inet_pton(AF_INET6, std::string(value).c_str(), bytes.data()) == 1;
}

Complaints check_ip(std::string_view value) {
  if (is_ipv4(value) || is_ipv6(value)) return {};
  return {"must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"};
}

Complaints check_cidr(std::string_view value) {
  const std::size_t slash = value.find('/');
  if (slash != std::string_view::npos) {
    const std::string_view address = value.substr(0, slash);
    const std::string_view text = value.substr(slash + 1);
    unsigned bits = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), bits);
    const unsigned bits_max = is_ipv4(address) ? 32 : is_ipv6(address) ? 128 : 0;
    if (bits_max != 0 && code == std::errc() && end == text.data() + text.size() &&
        bits <= bits_max)
      return {};
  }
  return {"must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"};
}

bool cidr_contains(std::string_view outer, std::string_view inner) {
  const std::string_view outer_ip = outer.substr(0, outer.find('/'));
  const std::string_view inner_ip = inner.substr(0, inner.find('/'));
  const int family = is_ipv4(outer_ip) ? AF_INET : AF_INET6;
  std::array<unsigned char, 16> a{};
  std::array<unsigned char, 16> b{};
  if (inet_pton(family, std::string(outer_ip).c_str(), a.data()) != 1 ||
      inet_pton(family, std::string(inner_ip).c_str(), b.data()) != 1) {
    return false;
  }
  unsigned bits = 0;
  const std::string_view text = outer.substr(outer_ip.size() + 1);
  std::from_chars(text.data(), text.data() + text.size(), bits);
  for (unsigned bit = 0; bit < bits; ++bit) {
    const unsigned mask = 0x80U >> (bit % 8);
    if ((a[bit / 8] & mask) != (b[bit / 8] & mask)) return false;
  }
  return true;
}

std::string range_complaint(std::int64_t low, std::int64_t high) {
  return fmt::format("must be between {} and {}, inclusive", low, high);
}

}  // namespace insula::api
