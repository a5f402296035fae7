#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/field_errors.h"
#include "api/gen/admissionregistration_v1.h"
#include "apiserver/admission_request.h"
#include "base/error.h"
#include "cel/budget.h"
#include "cel/program.h"
#include "cel/value.h"

namespace insula::apiserver {

/// What the expressions of one policy, or of one webhook, may cost together for one request.
inline constexpr std::uint64_t kAdmissionSteps = 1'000'000;

/// An expression that was compiled, or why it could not be.
struct AdmissionExpression {
  std::string source;
  std::optional<cel::Program> program;
  std::string problem;
  /// How many of the values of an evaluation it knows.
  std::size_t names = 0;
};

/// Compiles what the expressions of admission can be about: object, oldObject, request,
/// namespaceObject, and params if there are any; and variables, as they are added one by one.
///
/// Spec: Kubernetes, "Validating Admission Policy" and "CEL in Kubernetes". The variable
/// `authorizer` is not there.
class AdmissionCompiler {
 public:
  /// `object` is the type of object and oldObject.
  AdmissionCompiler(bool with_params,
                    api::FieldErrors& errors,
                    cel::TypePtr object = cel::Type::dyn())
      : with_params_(with_params), errors_(errors), object_(std::move(object)) {}

  /// An expression that must have one of these types; what is wrong goes to the errors.
  AdmissionExpression compile(const std::string& source,
                              const std::vector<cel::TypePtr>& types,
                              const api::FieldPath& path);
  /// One that makes a patch of this type (patch_types.h), of objects that it constructs.
  AdmissionExpression compile_patch(const std::string& source,
                                    const cel::TypePtr& type,
                                    const api::FieldPath& path);
  /// Of any type.
  AdmissionExpression compile_variable(const std::string& name,
                                       const std::string& source,
                                       const api::FieldPath& path);

 private:
  /// What an expression can call and construct.
  enum class Library : std::uint8_t { kPlain, kPatches };

  AdmissionExpression compile_any(const std::string& source,
                                  Library library,
                                  const api::FieldPath& path);
  void expect(AdmissionExpression& expression,
              const std::vector<cel::TypePtr>& types,
              const api::FieldPath& path);

  bool with_params_;
  api::FieldErrors& errors_;
  cel::TypePtr object_;
  cel::Type::Fields variables_;
};

/// Expressions with names: match conditions and variables.
using NamedExpressions = std::vector<std::pair<std::string, AdmissionExpression>>;

[[nodiscard]] NamedExpressions compile_conditions(
    const std::vector<api::MatchCondition>& conditions,
    const api::FieldPath& path,
    AdmissionCompiler& compiler);

/// The values that expressions see for one request, and what they may still cost.
///
/// Lifetime: request and variables outlive it; it outlives the values that evaluate() returns.
class AdmissionEvaluation {
 public:
  AdmissionEvaluation(const AdmissionRequest& request,
                      const api::Kind& version,
                      json::Value name_space,
                      const NamedExpressions* variables);
  AdmissionEvaluation(const AdmissionEvaluation&) = delete;
  AdmissionEvaluation& operator=(const AdmissionEvaluation&) = delete;
  ~AdmissionEvaluation();

  /// Sets params, null for none, and forgets the variables' values.
  void set_params(json::Value params);
  /// Sets the object as it is by now, and forgets the variables' values. What evaluate() returned
  /// before must not be used any more.
  void set_object(json::Value object);

  [[nodiscard]] const json::Value& object() const { return object_; }

  /// Errors: kInvalid, `expression '...' resulted in error: ...`.
  [[nodiscard]] Result<cel::Value> evaluate(const AdmissionExpression& expression);

  /// Whether all are true; the first that is not decides. Errors: of the first that fails, unless
  /// another is false.
  [[nodiscard]] Result<bool> all_true(const NamedExpressions& conditions);

 private:
  class Variables;

  [[nodiscard]] Result<cel::Value> run(const AdmissionExpression& expression);

  json::Value object_;
  json::Value old_;
  json::Value request_;
  json::Value name_space_;
  json::Value params_;
  cel::Budget budget_{kAdmissionSteps};
  std::unique_ptr<Variables> variables_;
  std::vector<cel::Value> values_;
};

}  // namespace insula::apiserver
