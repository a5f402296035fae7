#include "apiserver/policy_types.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "api/custom/custom_kind.h"
#include "api/custom/rule_types.h"
#include "api/field_errors.h"
#include "api/gen/admissionregistration_v1.h"
#include "api/gen/meta_v1.h"
#include "api/schema.h"
#include "apiserver/admission_expression.h"
#include "cel/type.h"

namespace insula::apiserver {

namespace {

/// Kinds that one policy is checked against; as in Kubernetes.
constexpr std::size_t kKindsMax = 10;
constexpr std::string_view kCompilation = "compilation failed: ";

/// The types of CEL for those of the field tables. What has several forms in JSON is dyn.
class TypeMaker {
 public:
  cel::TypePtr object(const api::Kind& kind) {
    const api::CustomKind* custom = api::custom_kind(kind);
    if (custom == nullptr) return made_of(kind.type);
    const cel::TypePtr own = api::expression_type(custom->schema());
    cel::Type::Fields fields = own->fields();
    fields["metadata"] = {.json_name = "metadata",
                          .type = made_of(api::type_of<api::ObjectMeta>())};
    return cel::Type::object(std::string(kind.kind), std::move(fields));
  }

 private:
  cel::TypePtr made_of(const api::TypeInfo& info) {
    // A type that contains itself is dyn inside of itself.
    const auto [it, fresh] = known_.try_emplace(&info, cel::Type::dyn());
    if (!fresh) return it->second;
    cel::Type::Fields fields;
    for (const api::FieldInfo& field : info.fields) {
      const std::string name(field.name);
      const cel::Type::Field type{.json_name = name, .type = value(*field.value)};
      fields.emplace(name, type);
      // As Kubernetes spells what is a word of CEL.
      fields.emplace("__" + name + "__", type);
    }
    for (const char* name : {"apiVersion", "kind"}) {
      if (info.kind != nullptr)
        fields.emplace(name, cel::Type::Field{.json_name = name, .type = cel::Type::string()});
    }
    return known_[&info] = cel::Type::object(std::string(info.name), std::move(fields));
  }

  cel::TypePtr value(const api::ValueInfo& info) {
    switch (info.kind) {
      case api::ValueKind::kString:
        return cel::Type::string();
      case api::ValueKind::kBool:
        return cel::Type::boolean();
      case api::ValueKind::kInt32:
      case api::ValueKind::kInt64:
        return cel::Type::integer();
      case api::ValueKind::kDouble:
        return cel::Type::real();
      case api::ValueKind::kStruct:
        return made_of(*info.type);
      case api::ValueKind::kPointer:
        return value(*info.element);
      case api::ValueKind::kList:
        return cel::Type::list(value(*info.element));
      case api::ValueKind::kMap:
        return cel::Type::map(cel::Type::string(), value(*info.element));
      default:
        return cel::Type::dyn();
    }
  }

  std::map<const api::TypeInfo*, cel::TypePtr> known_;
};

/// The kinds that rules name without wildcards.
std::vector<const api::Kind*> kinds_of(const api::MatchResources& match, api::KindCatalog& kinds) {
  std::vector<const api::Kind*> out;
  for (const api::NamedRuleWithOperations& named : match.resource_rules) {
    const api::Rule& rule = named.rule_with_operations.rule;
    for (const std::string& group : rule.api_groups) {
      for (const std::string& version : rule.api_versions) {
        for (const std::string& resource : rule.resources) {
          const api::Kind* kind = kinds.find(group, version, resource);
          const bool fresh = std::ranges::find(out, kind) == out.end();
          if (kind != nullptr && fresh && out.size() < kKindsMax) out.push_back(kind);
        }
      }
    }
  }
  return out;
}

/// Texts by the path of the expression, in the order of the expressions.
using Warnings = std::vector<std::pair<std::string, std::string>>;

class PolicyTypes {
 public:
  PolicyTypes(const api::ValidatingAdmissionPolicySpec& spec, const api::Kind& kind)
      : spec_(spec), kind_(kind) {}

  /// Adds what is wrong with expressions for this kind.
  void check(const cel::TypePtr& object, Warnings& warnings) const {
    api::FieldErrors errors;
    AdmissionCompiler compiler(spec_.param_kind.has_value(), errors, object);
    const api::FieldPath path("spec");
    for (const api::Variable& variable : spec_.variables)
      (void)compiler.compile_variable(variable.name, variable.expression, path);
    for (std::size_t i = 0; i < spec_.validations.size(); ++i) {
      const api::Validation& validation = spec_.validations[i];
      const api::FieldPath at = path.child("validations").index(i);
      note(compiler.compile(validation.expression, {cel::Type::boolean()}, path),
           at.child("expression"), warnings);
      if (validation.message_expression.empty()) continue;
      note(compiler.compile(validation.message_expression, {cel::Type::string()}, path),
           at.child("messageExpression"), warnings);
    }
  }

 private:
  void note(const AdmissionExpression& expression,
            const api::FieldPath& path,
            Warnings& warnings) const {
    std::string_view problem = expression.problem;
    if (problem.empty()) return;
    if (problem.starts_with(kCompilation)) problem.remove_prefix(kCompilation.size());
    const std::string text =
        fmt::format("{}, Kind={}: {}", kind_.api_version(), kind_.kind, problem);
    const auto known =
        std::ranges::find(warnings, path.text(), [](const auto& each) { return each.first; });
    if (known == warnings.end()) {
      warnings.emplace_back(path.text(), text);
    } else {
      known->second += "\n" + text;
    }
  }

  const api::ValidatingAdmissionPolicySpec& spec_;
  const api::Kind& kind_;
};

}  // namespace

void note_types(const api::Kind& kind, void* policy, api::KindCatalog& kinds) {
  if (&kind != &api::kind_of<api::ValidatingAdmissionPolicy>()) return;
  auto& object = *static_cast<api::ValidatingAdmissionPolicy*>(policy);
  if (!object.spec.match_constraints ||
      object.status.observed_generation == object.metadata.generation)
    return;
  Warnings warnings;
  TypeMaker types;
  for (const api::Kind* each : kinds_of(*object.spec.match_constraints, kinds))
    PolicyTypes(object.spec, *each).check(types.object(*each), warnings);
  object.status.observed_generation = object.metadata.generation;
  object.status.type_checking.emplace();
  for (auto& [path, text] : warnings) {
    api::ExpressionWarning& warning =
        object.status.type_checking->expression_warnings.emplace_back();
    warning.field_ref = path;
    warning.warning = std::move(text);
  }
}

}  // namespace insula::apiserver
