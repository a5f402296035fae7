#include "apiserver/params_permit.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "api/field_errors.h"
#include "api/gen/admissionregistration_v1.h"
#include "api/gen/meta_v1.h"
#include "api/invalid.h"
#include "apiserver/compiled_policy.h"
#include "apiserver/object.h"
#include "apiserver/request_info.h"

namespace insula::apiserver {

namespace {

class ParamsCheck {
 public:
  ParamsCheck(Authorizer& authorizer, api::KindCatalog& kinds, const User& user)
      : authorizer_(authorizer), kinds_(kinds), user_(user) {}

  template <class Policy>
  Result<> policy(const Policy& object, const Policy* present) {
    const auto& kind = object.spec.param_kind;
    if (!kind || (present != nullptr && present->spec.param_kind == kind)) return {};
    RequestInfo read = request_for(&*kind);
    read.verb = "get";
    read.name_space = read.name = "*";
    if (authorizer_.decide(user_, read).allowed) return {};
    return refused(object, "paramKind",
                   fmt::format("user {} must have \"get\" permission on all objects of the "
                               "referenced paramKind (kind={}, apiVersion={})",
                               user_.name, kind->kind, kind->api_version));
  }

  template <class Sort>
  Result<> binding(const store::Transaction& transaction,
                   const typename Sort::Binding& object,
                   const typename Sort::Binding* present) {
    using Policy = typename Sort::Object;
    const auto& reference = object.spec.param_ref;
    if (!reference) return {};
    if (present != nullptr && present->spec.param_ref == reference &&
        present->spec.policy_name == object.spec.policy_name)
      return {};
    const store::EntryPtr entry =
        transaction.find(store_key(api::kind_of<Policy>(), "", object.spec.policy_name));
    const auto found = entry ? object_of<Policy>(*entry) : nullptr;
    const bool known = found != nullptr && found->spec.param_kind;
    RequestInfo read = request_for(known ? &*found->spec.param_kind : nullptr);
    read.verb = reference->name.empty() ? "list" : "get";
    read.name = reference->name;
    read.name_space = reference->namespace_;
    if (authorizer_.decide(user_, read).allowed) return {};
    if (found == nullptr) {
      return refused(object, "paramRef",
                     fmt::format("unable to get policy {} to determine minimum required "
                                 "permissions and user {} does not have \"{}\" permission for all "
                                 "groups, versions and resources",
                                 object.spec.policy_name, user_.name, read.verb));
    }
    return refused(object, "paramRef",
                   fmt::format("user {} does not have \"{}\" permission on the object referenced "
                               "by paramRef",
                               user_.name, read.verb));
  }

 private:
  /// About the objects of a kind; about everything when it is not known which.
  RequestInfo request_for(const api::ParamKind* kind) {
    RequestInfo out;
    out.is_resource = true;
    out.group = out.version = out.resource = "*";
    if (kind == nullptr) return out;
    const std::string& text = kind->api_version;
    const std::size_t slash = text.find('/');
    out.group = slash == std::string::npos ? std::string() : text.substr(0, slash);
    out.version = slash == std::string::npos ? text : text.substr(slash + 1);
    if (const api::Kind* params = kinds_.find(text, kind->kind))
      out.resource = std::string(params->plural);
    return out;
  }

  template <class T>
  static Result<> refused(const T& object, const char* member, const std::string& why) {
    api::FieldErrors errors;
    errors.forbidden(api::FieldPath("spec").child(member), why);
    const api::Kind& kind = api::kind_of<T>();
    return std::unexpected(
        api::invalid(kind.kind, kind.group, object.metadata.name, std::move(errors).take()));
  }

  Authorizer& authorizer_;
  api::KindCatalog& kinds_;
  const User& user_;
};

}  // namespace

WritePermit params_permit(Authorizer& authorizer, api::KindCatalog& kinds, User user) {
  return [&authorizer, &kinds, user = std::move(user)](const store::Transaction& transaction,
                                                       const api::Kind& kind, const void* object,
                                                       const void* present) -> Result<> {
    if (user.in(kMasters)) return {};
    ParamsCheck check(authorizer, kinds, user);
    const auto of_sort = [&]<class Sort>(Result<>& verdict) {
      using Policy = typename Sort::Object;
      using Binding = typename Sort::Binding;
      if (&kind == &api::kind_of<Policy>()) {
        verdict =
            check.policy(*static_cast<const Policy*>(object), static_cast<const Policy*>(present));
      } else if (&kind == &api::kind_of<Binding>()) {
        verdict = check.binding<Sort>(transaction, *static_cast<const Binding*>(object),
                                      static_cast<const Binding*>(present));
      }
    };
    Result<> verdict;
    of_sort.operator()<ValidatingPolicy>(verdict);
    of_sort.operator()<MutatingPolicy>(verdict);
    return verdict;
  };
}

}  // namespace insula::apiserver
