#include "api/certificates.h"

#include <algorithm>

namespace insula::api {

bool has_condition(const CertificateSigningRequest& request, std::string_view type) {
  return std::ranges::any_of(request.status.conditions,
                             [type](const CertificateSigningRequestCondition& condition) {
                               return condition.type == type && condition.status == "True";
                             });
}

}  // namespace insula::api
