#include "api/defaulting/apiextensions.h"

#include <algorithm>
#include <cctype>

#include "api/custom/schema_form.h"
#include "api/custom/schema_node.h"
#include "json/write.h"

namespace insula::api {

namespace {

constexpr std::int32_t kWebhookPort = 443;

void set_defaults(CustomResourceDefinitionNames& names) {
  if (names.singular.empty()) {
    names.singular = names.kind;
    std::ranges::transform(names.singular, names.singular.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  }
  if (names.list_kind.empty() && !names.kind.empty()) names.list_kind = names.kind + "List";
}

void normalise(RawJson& schema) {
  if (schema.empty()) return;
  json::Value value = schema_value(schema.text);
  normalise_schema(value);
  schema.text = json::write(value);
}

}  // namespace

void set_defaults(CustomResourceDefinition& object) {
  set_defaults(object.spec.names);
  if (!object.spec.conversion) object.spec.conversion.emplace();
  CustomResourceConversion& conversion = *object.spec.conversion;
  if (conversion.strategy.empty()) conversion.strategy = "None";
  if (conversion.webhook && conversion.webhook->client_config &&
      conversion.webhook->client_config->service &&
      !conversion.webhook->client_config->service->port)
    conversion.webhook->client_config->service->port = kWebhookPort;
  for (CustomResourceDefinitionVersion& version : object.spec.versions) {
    if (version.schema) normalise(version.schema->open_apiv3_schema);
  }
}

}  // namespace insula::api
