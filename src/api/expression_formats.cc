#include "api/expression_formats.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/custom/value_check.h"
#include "api/validation/names.h"
#include "cel/library/arguments.h"
#include "cel/library/held.h"
#include "cel/url.h"

namespace insula::api {
namespace {

using cel::Budget;
using cel::Type;
using cel::TypePtr;
using cel::Value;
using cel::library::Arguments;

struct Format {
  std::string_view name;
  Complaints (*check)(std::string_view text);
};

/// A text to which more will be added, made what it could become: a dash need not be its end.
std::string completed(std::string_view prefix) {
  if (prefix.size() < 2 || !prefix.ends_with('-')) return std::string(prefix);
  return std::string(prefix.substr(0, prefix.size() - 2)) + "a";
}

Complaints unless_of(std::string_view text, std::string_view format, const char* complaint) {
  return is_of_format(text, format) ? Complaints() : Complaints{complaint};
}

constexpr std::array<Format, 13> kFormats = {{
    {"dns1123Label", check_dns1123_label},
    {"dns1123Subdomain", check_dns1123_subdomain},
    {"dns1035Label", check_dns1035_label},
    {"qualifiedName", check_qualified_name},
    {"dns1123LabelPrefix",
     [](std::string_view text) { return check_dns1123_label(completed(text)); }},
    {"dns1123SubdomainPrefix",
     [](std::string_view text) { return check_dns1123_subdomain(completed(text)); }},
    {"dns1035LabelPrefix",
     [](std::string_view text) { return check_dns1035_label(completed(text)); }},
    {"labelValue", check_label_value},
    {"uri",
     [](std::string_view text) {
       const auto url = cel::Url::parse(text);
       return url ? Complaints() : Complaints{url.error().message()};
     }},
    {"uuid",
     [](std::string_view text) {
       return unless_of(text, "uuid", "does not match the UUID format");
     }},
    {"byte", [](std::string_view text) { return unless_of(text, "byte", "invalid base64"); }},
    {"date", [](std::string_view text) { return unless_of(text, "date", "invalid date"); }},
    {"datetime",
     [](std::string_view text) { return unless_of(text, "datetime", "invalid datetime"); }},
}};

using HeldFormat = cel::library::Held<const Format*, "kubernetes.NamedFormat">;

Result<Value> named(Arguments a, Budget&) {
  const auto* found = std::ranges::find(kFormats, a[0].text(), &Format::name);
  return found == kFormats.end() ? Value::none() : Value::optional(HeldFormat::make(found));
}

/// What is wrong with a text; nothing when it is right.
Result<Value> validate(Arguments a, Budget& budget) {
  INSULA_TRY_VOID(cel::library::charge_bytes(budget, a[1].text().size()));
  const Format& format = *HeldFormat::in(a[0]);
  std::vector<Value> wrong;
  for (const std::string& complaint : format.check(a[1].text()))
    wrong.push_back(Value::string(complaint));
  return wrong.empty() ? Value::none() : Value::optional(Value::list(std::move(wrong)));
}

}  // namespace

void add_formats(cel::FunctionTable& table) {
  const TypePtr& type = HeldFormat::own_type();
  table.add("format.named", {{Type::string()}, Type::optional(type), named});
  for (const Format& format : kFormats) {
    table.add("format." + std::string(format.name),
              {{}, type, [&format](Arguments, Budget&) -> Result<Value> {
                 return HeldFormat::make(&format);
               }});
  }
  table.add_member("validate",
                   {{type, Type::string()}, Type::optional(Type::list(Type::string())), validate});
}

}  // namespace insula::api
