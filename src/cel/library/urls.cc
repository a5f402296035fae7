#include <string>
#include <utility>
#include <vector>

#include "cel/library/arguments.h"
#include "cel/library/held.h"
#include "cel/library/library.h"
#include "cel/url.h"

namespace insula::cel::library {
namespace {

/// Equal to those that were written alike.
struct WrittenUrl {
  Url url;
  std::string text;

  bool operator==(const WrittenUrl& other) const { return text == other.text; }
};

using HeldUrl = Held<WrittenUrl, "kubernetes.URL">;

const Url& url_of(const Value& value) {
  return HeldUrl::in(value).url;
}

Result<Value> read(Arguments a, Budget& budget) {
  INSULA_TRY_VOID(charge_bytes(budget, a[0].text().size()));
  auto url = Url::parse(a[0].text());
  if (!url)
    return invalid("URL parse error during conversion from string: " + url.error().message());
  return HeldUrl::make({*std::move(url), a[0].text()});
}

Result<Value> parameters(Arguments a, Budget& budget) {
  INSULA_TRY_VOID(charge_bytes(budget, url_of(a[0]).query.size()));
  std::vector<std::pair<Value, Value>> entries;
  for (auto& [name, values] : url_of(a[0]).parameters()) {
    std::vector<Value> list;
    for (const std::string& value : values)
      list.push_back(Value::string(value));
    entries.emplace_back(Value::string(name), Value::list(std::move(list)));
  }
  return Value::map(std::move(entries));
}

template <class Part>
void add_getter(FunctionTable& table, const char* name, Part part) {
  table.add_member(
      name,
      {{HeldUrl::own_type()}, Type::string(), [part](Arguments a, Budget& budget) -> Result<Value> {
         std::string text = part(url_of(a[0]));
         INSULA_TRY_VOID(charge_bytes(budget, text.size()));
         return Value::string(std::move(text));
       }});
}

}  // namespace

void add_urls(FunctionTable& table) {
  table.add("url", {{Type::string()}, HeldUrl::own_type(), read});
  table.add("isURL",
            {{Type::string()}, Type::boolean(), [](Arguments a, Budget& budget) -> Result<Value> {
               INSULA_TRY_VOID(charge_bytes(budget, a[0].text().size()));
               return Value::boolean(Url::parse(a[0].text()).has_value());
             }});
  add_getter(table, "getScheme", [](const Url& url) { return url.scheme; });
  add_getter(table, "getHost", [](const Url& url) { return url.host; });
  add_getter(table, "getHostname", [](const Url& url) { return url.hostname(); });
  add_getter(table, "getPort", [](const Url& url) { return url.port(); });
  add_getter(table, "getEscapedPath", [](const Url& url) { return url.escaped_path(); });
  table.add_member(
      "getQuery",
      {{HeldUrl::own_type()}, Type::map(Type::string(), Type::list(Type::string())), parameters});
}

}  // namespace insula::cel::library
