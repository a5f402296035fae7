#include "apiserver/admission_expression.h"

#include <algorithm>
#include <map>
#include <span>

#include <fmt/format.h>

#include "api/expression_functions.h"
#include "apiserver/patch_types.h"
#include "cel/checker.h"
#include "cel/type.h"

namespace insula::apiserver {

namespace {

using cel::Type;
using cel::TypePtr;

TypePtr fields(std::string name, std::initializer_list<std::pair<const char*, TypePtr>> members) {
  Type::Fields out;
  for (const auto& [key, type] : members)
    out.emplace(key, Type::Field{.json_name = key, .type = type});
  return Type::object(std::move(name), std::move(out));
}

/// Spec: Kubernetes, admission.k8s.io/v1 AdmissionRequest, without the objects.
const TypePtr& request_type() {
  static const TypePtr type = [] {
    const TypePtr text = Type::string();
    const TypePtr kind =
        fields("kubernetes.GroupVersionKind", {{"group", text}, {"version", text}, {"kind", text}});
    const TypePtr resource = fields("kubernetes.GroupVersionResource",
                                    {{"group", text}, {"version", text}, {"resource", text}});
    const TypePtr user =
        fields("kubernetes.UserInfo", {{"username", text},
                                       {"uid", text},
                                       {"groups", Type::list(text)},
                                       {"extra", Type::map(text, Type::list(text))}});
    return fields("kubernetes.AdmissionRequest", {{"kind", kind},
                                                  {"resource", resource},
                                                  {"subResource", text},
                                                  {"requestKind", kind},
                                                  {"requestResource", resource},
                                                  {"requestSubResource", text},
                                                  {"name", text},
                                                  {"namespace", text},
                                                  {"operation", text},
                                                  {"userInfo", user},
                                                  {"dryRun", Type::boolean()},
                                                  {"options", Type::dyn()}});
  }();
  return type;
}

/// The names that expressions know, in the order of their values.
std::vector<std::pair<std::string, TypePtr>> names(const TypePtr& object,
                                                   Type::Fields variables,
                                                   bool with_params) {
  std::vector<std::pair<std::string, TypePtr>> out = {
      {"object", object},
      {"oldObject", object},
      {"request", request_type()},
      {"namespaceObject", Type::dyn()},
      {"variables", Type::object("kubernetes.variables", std::move(variables))},
  };
  if (with_params) out.emplace_back("params", Type::dyn());
  return out;
}

}  // namespace

AdmissionExpression AdmissionCompiler::compile_any(const std::string& source,
                                                   Library library,
                                                   const api::FieldPath& path) {
  std::vector<std::pair<std::string, TypePtr>> known = names(object_, variables_, with_params_);
  AdmissionExpression out{.source = source, .program = {}, .problem = {}, .names = known.size()};
  // The rules on required fields speak of those.
  if (source.find_first_not_of(" \t\r\n") == std::string::npos) return out;
  const bool plain = library == Library::kPlain;
  cel::Environment environment{.functions = plain ? api::expression_functions() : patch_functions(),
                               .variables = std::move(known)};
  if (!plain) environment.constructible = patch_type;
  Result<cel::Program> program = cel::Program::compile(source, environment);
  if (program) {
    out.program = *std::move(program);
  } else {
    out.problem = fmt::format("compilation failed: {}", program.error().message());
    errors_.invalid(path, source, out.problem);
  }
  return out;
}

void AdmissionCompiler::expect(AdmissionExpression& expression,
                               const std::vector<TypePtr>& types,
                               const api::FieldPath& path) {
  if (!expression.program) return;
  const auto shown = [](const TypePtr& type) {
    return type->is(Type::Kind::kNull) ? "null_type" : type->text();
  };
  const std::string found = shown(expression.program->type());
  std::vector<std::string> wanted;
  wanted.reserve(types.size());
  for (const TypePtr& type : types)
    wanted.push_back(shown(type));
  if (std::ranges::find(wanted, found) != wanted.end()) return;
  expression.program.reset();
  expression.problem =
      wanted.size() == 1
          ? fmt::format("must evaluate to {} but got {}", wanted.front(), found)
          : fmt::format("must evaluate to one of [{}] but got {}", fmt::join(wanted, " "), found);
  errors_.invalid(path, expression.source, expression.problem);
}

AdmissionExpression AdmissionCompiler::compile(const std::string& source,
                                               const std::vector<TypePtr>& types,
                                               const api::FieldPath& path) {
  AdmissionExpression out = compile_any(source, Library::kPlain, path);
  expect(out, types, path);
  return out;
}

AdmissionExpression AdmissionCompiler::compile_patch(const std::string& source,
                                                     const TypePtr& type,
                                                     const api::FieldPath& path) {
  AdmissionExpression out = compile_any(source, Library::kPatches, path);
  expect(out, {type}, path);
  return out;
}

AdmissionExpression AdmissionCompiler::compile_variable(const std::string& name,
                                                        const std::string& source,
                                                        const api::FieldPath& path) {
  AdmissionExpression out = compile_any(source, Library::kPlain, path);
  variables_.insert_or_assign(
      name,
      Type::Field{.json_name = name, .type = out.program ? out.program->type() : Type::dyn()});
  return out;
}

NamedExpressions compile_conditions(const std::vector<api::MatchCondition>& conditions,
                                    const api::FieldPath& path,
                                    AdmissionCompiler& compiler) {
  NamedExpressions out;
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    out.emplace_back(conditions[i].name,
                     compiler.compile(conditions[i].expression, {Type::boolean()},
                                      path.index(i).child("expression")));
  }
  return out;
}

/// The map `variables`: an expression is evaluated when it is first looked up. Looking up one that
/// fails finds nothing, and problem() says why.
class AdmissionEvaluation::Variables final : public cel::Map {
 public:
  Variables(AdmissionEvaluation& evaluation, const NamedExpressions& expressions)
      : evaluation_(evaluation), expressions_(expressions) {}

  [[nodiscard]] std::size_t size() const override { return expressions_.size(); }

  [[nodiscard]] std::optional<cel::Value> find(const cel::Value& key) const override {
    if (!key.as<cel::Value::Text>()) return std::nullopt;
    const std::string& name = key.text();
    if (const auto known = values_.find(name); known != values_.end()) return known->second;
    const auto expression =
        std::ranges::find(expressions_, name, [](const auto& each) { return each.first; });
    if (expression == expressions_.end()) return std::nullopt;
    const Result<cel::Value> value = evaluation_.run(expression->second);
    if (!value && problem_.empty())
      problem_ = fmt::format("composited variable \"{}\" fails to evaluate: {}", name,
                             value.error().message());
    return values_.emplace(name, value ? std::optional(*value) : std::nullopt).first->second;
  }

  [[nodiscard]] cel::Value key(std::size_t i) const override {
    return cel::Value::string(expressions_[i].first);
  }

  [[nodiscard]] const std::string& problem() const { return problem_; }

  void forget() {
    values_.clear();
    problem_.clear();
  }

 private:
  AdmissionEvaluation& evaluation_;
  const NamedExpressions& expressions_;
  mutable std::map<std::string, std::optional<cel::Value>, std::less<>> values_;
  mutable std::string problem_;
};

AdmissionEvaluation::AdmissionEvaluation(const AdmissionRequest& request,
                                         const api::Kind& version,
                                         json::Value name_space,
                                         const NamedExpressions* variables)
    : object_(request.object.as(version)),
      old_(request.old.as(version)),
      request_(request.fields_as(version)),
      name_space_(std::move(name_space)) {
  static const NamedExpressions none;
  variables_ = std::make_unique<Variables>(*this, variables == nullptr ? none : *variables);
  for (const json::Value* value : {&object_, &old_})
    values_.push_back(cel::Value::from_json(*value, Type::dyn()));
  values_.push_back(cel::Value::from_json(request_, request_type()));
  values_.push_back(cel::Value::from_json(name_space_, Type::dyn()));
  // Owned by this object, as everything that looks at it is gone before.
  values_.push_back(
      cel::Value::map(cel::Value::MapPtr(std::shared_ptr<const void>(), variables_.get())));
  values_.push_back(cel::Value::null());
}

AdmissionEvaluation::~AdmissionEvaluation() = default;

void AdmissionEvaluation::set_params(json::Value params) {
  variables_->forget();
  params_ = std::move(params);
  values_.back() = cel::Value::from_json(params_, Type::dyn());
}

void AdmissionEvaluation::set_object(json::Value object) {
  variables_->forget();
  object_ = std::move(object);
  values_.front() = cel::Value::from_json(object_, Type::dyn());
}

Result<cel::Value> AdmissionEvaluation::run(const AdmissionExpression& expression) {
  if (!expression.program) return fail(ErrorCode::kInvalid, expression.problem);
  return expression.program->evaluate(std::span(values_).first(expression.names), budget_);
}

Result<cel::Value> AdmissionEvaluation::evaluate(const AdmissionExpression& expression) {
  Result<cel::Value> value = run(expression);
  if (value) return value;
  const std::string& why =
      variables_->problem().empty() ? value.error().message() : variables_->problem();
  return fail(ErrorCode::kInvalid,
              fmt::format("expression '{}' resulted in error: {}", expression.source, why));
}

Result<bool> AdmissionEvaluation::all_true(const NamedExpressions& conditions) {
  std::optional<Error> error;
  for (const auto& [name, expression] : conditions) {
    const Result<cel::Value> value = evaluate(expression);
    if (value && !value->is_true()) return false;
    if (!value && !error) error = value.error();
  }
  if (error) return std::unexpected(*std::move(error));
  return true;
}

}  // namespace insula::apiserver
