#include "api/certificates.h"
#include "api/columns/certificates.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/certificates.h"

namespace insula::api {

namespace {

constexpr SelectableField kFields[] = {
    {"spec.signerName",
     [](const void* object) {
       return static_cast<const CertificateSigningRequest*>(object)->spec.signer_name;
     }},
};

/// What was asked for stays; an approval decides and signs nothing, and who writes the object
/// itself does neither.
void prepare_for_update(CertificateSigningRequest& object,
                        const CertificateSigningRequest& old,
                        std::string_view subresource) {
  object.spec = old.spec;
  if (subresource.empty()) object.status = old.status;
  if (subresource == "approval") object.status.certificate = old.status.certificate;
}

std::vector<std::string> warnings(const void* object) {
  const auto& request = *static_cast<const CertificateSigningRequest*>(object);
  if (request.spec.signer_name == kClientSigner) return {};
  return {"spec.signerName: nothing of this server signs for \"" + request.spec.signer_name + "\""};
}

constexpr KindStrategy kStrategy{
    .kind = kind_of<CertificateSigningRequest>,
    .prepare_for_create = erased::drop_status<CertificateSigningRequest>,
    .prepare_for_update = erased::change_from<CertificateSigningRequest, prepare_for_update>,
    .validate = erased::check<CertificateSigningRequest, validate>,
    .validate_update = erased::check_from<CertificateSigningRequest, validate_update>,
    .warnings = warnings,
    .columns = certificate_signing_request_columns,
    .cells = erased::row<CertificateSigningRequest, cells>,
    .selectable_fields = kFields,
};

}  // namespace

const KindStrategy& certificate_signing_request_strategy() {
  return kStrategy;
}

}  // namespace insula::api
