#include "api/columns/admission.h"

#include "api/defaulting/admission.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/admission.h"

namespace insula::api {

namespace {

template <class Configuration>
bool webhooks_changed(const void* object, const void* old) {
  return !(static_cast<const Configuration*>(object)->webhooks ==
           static_cast<const Configuration*>(old)->webhooks);
}

constexpr KindStrategy kMutatingWebhookConfiguration{
    .kind = kind_of<MutatingWebhookConfiguration>,
    .set_defaults = erased::change<MutatingWebhookConfiguration, set_defaults>,
    .spec_changed = webhooks_changed<MutatingWebhookConfiguration>,
    .validate = erased::check<MutatingWebhookConfiguration, validate>,
    .columns = webhook_configuration_columns,
    .cells = erased::row<MutatingWebhookConfiguration, cells>,
    .unconditional_update = false,
};

constexpr KindStrategy kValidatingWebhookConfiguration{
    .kind = kind_of<ValidatingWebhookConfiguration>,
    .set_defaults = erased::change<ValidatingWebhookConfiguration, set_defaults>,
    .spec_changed = webhooks_changed<ValidatingWebhookConfiguration>,
    .validate = erased::check<ValidatingWebhookConfiguration, validate>,
    .columns = webhook_configuration_columns,
    .cells = erased::row<ValidatingWebhookConfiguration, cells>,
    .unconditional_update = false,
};

constexpr KindStrategy kValidatingAdmissionPolicy{
    .kind = kind_of<ValidatingAdmissionPolicy>,
    .set_defaults = erased::change<ValidatingAdmissionPolicy, set_defaults>,
    .prepare_for_create = erased::drop_status<ValidatingAdmissionPolicy>,
    .prepare_for_update = erased::keep_all_but_half<ValidatingAdmissionPolicy>,
    .spec_changed = erased::spec_changed<ValidatingAdmissionPolicy>,
    .validate = erased::check<ValidatingAdmissionPolicy, validate>,
    .columns = validating_admission_policy_columns,
    .cells = erased::row<ValidatingAdmissionPolicy, cells>,
    .unconditional_update = false,
};

constexpr KindStrategy kValidatingAdmissionPolicyBinding{
    .kind = kind_of<ValidatingAdmissionPolicyBinding>,
    .set_defaults = erased::change<ValidatingAdmissionPolicyBinding, set_defaults>,
    .spec_changed = erased::spec_changed<ValidatingAdmissionPolicyBinding>,
    .validate = erased::check<ValidatingAdmissionPolicyBinding, validate>,
    .columns = validating_admission_policy_binding_columns,
    .cells = erased::row<ValidatingAdmissionPolicyBinding, cells>,
    .unconditional_update = false,
};

constexpr KindStrategy kMutatingAdmissionPolicy{
    .kind = kind_of<MutatingAdmissionPolicy>,
    .set_defaults = erased::change<MutatingAdmissionPolicy, set_defaults>,
    .spec_changed = erased::spec_changed<MutatingAdmissionPolicy>,
    .validate = erased::check<MutatingAdmissionPolicy, validate>,
    .columns = mutating_admission_policy_columns,
    .cells = erased::row<MutatingAdmissionPolicy, cells>,
    .unconditional_update = false,
};

constexpr KindStrategy kMutatingAdmissionPolicyBinding{
    .kind = kind_of<MutatingAdmissionPolicyBinding>,
    .set_defaults = erased::change<MutatingAdmissionPolicyBinding, set_defaults>,
    .spec_changed = erased::spec_changed<MutatingAdmissionPolicyBinding>,
    .validate = erased::check<MutatingAdmissionPolicyBinding, validate>,
    .columns = mutating_admission_policy_binding_columns,
    .cells = erased::row<MutatingAdmissionPolicyBinding, cells>,
    .unconditional_update = false,
};

}  // namespace

const KindStrategy& mutating_webhook_configuration_strategy() {
  return kMutatingWebhookConfiguration;
}

const KindStrategy& validating_webhook_configuration_strategy() {
  return kValidatingWebhookConfiguration;
}

const KindStrategy& validating_admission_policy_strategy() {
  return kValidatingAdmissionPolicy;
}

const KindStrategy& validating_admission_policy_binding_strategy() {
  return kValidatingAdmissionPolicyBinding;
}

const KindStrategy& mutating_admission_policy_strategy() {
  return kMutatingAdmissionPolicy;
}

const KindStrategy& mutating_admission_policy_binding_strategy() {
  return kMutatingAdmissionPolicyBinding;
}

}  // namespace insula::api
