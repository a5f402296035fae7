#include "jose/jwk_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "jose/testing/signing_key.h"

namespace insula::jose {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using enum JwsAlgorithm;

const SigningKey& rsa() {
  static const SigningKey key("RSA");
  return key;
}

const SigningKey& ec() {
  static const SigningKey key("P-256");
  return key;
}

std::string set_of(std::initializer_list<std::string> keys) {
  std::string text;
  for (const std::string& key : keys)
    text += (text.empty() ? "" : ",") + key;
  return R"({"keys":[)" + text + "]}";
}

std::string rsa_jwk(std::string_view modulus, std::string_view exponent) {
  return fmt::format(R"({{"kty":"RSA","n":"{}","e":"{}"}})", base64url_encode(modulus),
                     base64url_encode(exponent));
}

std::string ec_jwk(std::string_view curve, std::string_view x, std::string_view y) {
  return fmt::format(R"({{"kty":"EC","crv":"{}","x":"{}","y":"{}"}})", curve, base64url_encode(x),
                     base64url_encode(y));
}

TEST(JwkSet, ReadsTheKeysOfAnIssuer) {
  // As Keycloak publishes them: one to sign, one to encrypt, certificates beside.
  const auto set = parse_jwk_set(set_of(
      {rsa().jwk(R"("kid":"1","use":"sig","alg":"RS256","x5c":["MIIC"],"x5t":"A","x5t#S256":"B",)"),
       rsa().jwk(R"("kid":"2","use":"enc","alg":"RSA-OAEP",)"),
       ec().jwk(R"("kid":"3","key_ops":["verify"],)"),
       SigningKey("Ed25519").jwk(R"("alg":"EdDSA",)"), rsa().jwk(R"("kid":"5",)")}));
  ASSERT_TRUE(set) << set.error().message();
  EXPECT_THAT(set->left_out, IsEmpty());
  ASSERT_EQ(set->keys.size(), 4U);
  EXPECT_EQ(set->keys[0].id(), "1");
  EXPECT_EQ(set->keys[0].algorithms(), JwsAlgorithmSet{kRs256});
  EXPECT_EQ(set->keys[1].id(), "3");
  EXPECT_EQ(set->keys[1].algorithms(), JwsAlgorithmSet{kEs256});
  EXPECT_EQ(set->keys[2].id(), "");
  EXPECT_EQ(set->keys[2].algorithms(), JwsAlgorithmSet{kEdDsa});
  EXPECT_EQ(set->keys[3].algorithms(),
            (JwsAlgorithmSet{kRs256, kRs384, kRs512, kPs256, kPs384, kPs512}));
  const std::string input = "text";
  EXPECT_TRUE(set->keys[0].verify(kRs256, input, rsa().sign("RS256", input)));
  EXPECT_TRUE(set->keys[1].verify(kEs256, input, ec().sign("ES256", input)));
}

TEST(JwkSet, AnEmptySetIsASetWithoutKeys) {
  EXPECT_THAT(parse_jwk_set(R"({"keys":[]})")->keys, IsEmpty());
}

TEST(JwkSet, RefusesASetThatNobodyShouldTrust) {
  std::string many;
  for (std::size_t i = 0; i <= kKeySetKeysMax; ++i)
    many += (i == 0 ? "" : ",") + fmt::format(R"({{"kid":"{}"}})", i);
  for (const auto& [text, why] : {
           std::pair{std::string("{"), "not a JWK set"},
           std::pair{std::string(), "not a JWK set"},
           std::pair{std::string("[]"), "no list of keys"},
           std::pair{std::string("{}"), "no list of keys"},
           std::pair{std::string(R"({"keys":{}})"), "no list of keys"},
           std::pair{ec().jwk(), "no list of keys"},
           std::pair{R"({"keys":[],"keys":[)" + ec().jwk() + "]}", "a member twice"},
           std::pair{set_of({ec().jwk(R"("kid":"a","kid":"b",)")}), "a member twice"},
           std::pair{set_of({ec().jwk(R"("x":"AAAA",)")}), "a member twice"},
           std::pair{set_of({R"({"kty":"oct","k":"AAAA"})"}), "symmetric"},
           std::pair{set_of({rsa().jwk(), R"({"kty":"oct","k":"AAAA","use":"enc"})"}), "symmetric"},
           std::pair{set_of({ec().jwk(R"("d":"AAAA",)")}), "private"},
           std::pair{set_of({rsa().jwk(R"("use":"enc","p":"AAAA",)")}), "private"},
           std::pair{set_of({rsa().jwk(R"("k":"AAAA",)")}), "private"},
           std::pair{set_of({rsa().jwk(R"("kid":"a",)"), ec().jwk(R"("kid":"a",)")}), "kid"},
           std::pair{set_of({rsa().jwk(R"("kid":"a",)"), R"({"kty":"X","kid":"a"})"}), "kid"},
           std::pair{R"({"keys":[)" + many + "]}", "more than 64"},
           std::pair{R"({"keys":)" + std::string(100, '[') + std::string(100, ']') + "}",
                     "not a JWK set"},
           std::pair{R"({"keys":[]})" + std::string(kKeySetBytesMax, ' '), "not a JWK set"},
       }) {
    const auto set = parse_jwk_set(text);
    ASSERT_FALSE(set) << text.substr(0, 200);
    EXPECT_THAT(set.error().message(), HasSubstr(why));
  }
  // Nobody verifies with a key to encrypt, so its kid may be that of the key to sign.
  EXPECT_EQ(parse_jwk_set(set_of({rsa().jwk(R"("kid":"a","use":"sig",)"),
                                  rsa().jwk(R"("kid":"a","use":"enc",)")}))
                ->keys.size(),
            1U);
}

TEST(JwkSet, KeysForSomethingElseAreNotThere) {
  for (const std::string_view members :
       {R"("use":"enc",)", R"("use":"tls",)", R"("use":"",)", R"("key_ops":["sign"],)",
        R"("key_ops":[],)", R"("key_ops":["encrypt","wrapKey"],)",
        R"("use":"enc","key_ops":["verify"],)", R"("use":"sig","key_ops":["deriveKey"],)"}) {
    const auto set = parse_jwk_set(set_of({ec().jwk(members)}));
    ASSERT_TRUE(set) << members;
    EXPECT_THAT(set->keys, IsEmpty()) << members;
  }
}

/// An odd number of more than 2048 bits with the fingerprint of ROCA: a power of 65537 modulo the
/// product of all primes below 168.
std::string roca_modulus() {
  const auto number = [] { return std::unique_ptr<BIGNUM, decltype(&BN_free)>(BN_new(), BN_free); };
  const std::unique_ptr<BN_CTX, decltype(&BN_CTX_free)> context(BN_CTX_new(), BN_CTX_free);
  const auto product = number();
  BN_one(product.get());
  for (unsigned prime = 2; prime < 168; ++prime) {
    bool composite = false;
    for (unsigned factor = 2; factor * factor <= prime; ++factor)
      composite = composite || prime % factor == 0;
    if (!composite) BN_mul_word(product.get(), prime);
  }
  const auto power = number();
  const auto base = number();
  const auto exponent = number();
  BN_set_word(base.get(), 65537);
  BN_set_word(exponent.get(), 123456789);
  BN_mod_exp(power.get(), base.get(), exponent.get(), product.get(), context.get());
  const auto modulus = number();
  BN_rand(modulus.get(), 2048, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY);
  BN_mul(modulus.get(), modulus.get(), product.get(), context.get());
  BN_add(modulus.get(), modulus.get(), power.get());
  return big_endian(modulus.get(), static_cast<std::size_t>(BN_num_bytes(modulus.get())));
}

TEST(JwkSet, APemIsHeldToTheSame) {
  std::string large(1040, '\xff');
  OSSL_PARAM_BLD* builder = OSSL_PARAM_BLD_new();
  BIGNUM* n = BN_bin2bn(bytes_of(large), static_cast<int>(large.size()), nullptr);
  OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
  OSSL_PARAM_BLD_push_uint(builder, OSSL_PKEY_PARAM_RSA_E, 65537);
  OSSL_PARAM* parameters = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr);
  EVP_PKEY* key = nullptr;
  EVP_PKEY_fromdata_init(context);
  ASSERT_EQ(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters), 1);
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, key);
  char* pem = nullptr;
  const long size = BIO_get_mem_data(bio, &pem);
  const auto refused = JwsKey::from_public_pem({pem, static_cast<std::size_t>(size)});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("2048 to 8192"));
  BIO_free(bio);
  EVP_PKEY_free(key);
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(parameters);
  OSSL_PARAM_BLD_free(builder);
  BN_free(n);
}

TEST(JwkSet, LeavesOutKeysThatAreTooWeakOrWrong) {
  const std::string n = rsa().raw_number("n");
  const std::string x = ec().raw_number("qx");
  const std::string y = ec().raw_number("qy");
  const std::string e("\x01\x00\x01", 3);
  std::string even = n;
  even.back() = static_cast<char>(even.back() & ~1);
  std::string off_curve = y;
  off_curve.back() = static_cast<char>(off_curve.back() ^ 1);
  const SigningKey p384("P-384");
  for (const auto& [jwk, why] : {
           std::pair{rsa_jwk(n.substr(128), e), "2048 to 8192"},
           std::pair{rsa_jwk(std::string(1024, '\xff'), e), ""},
           std::pair{rsa_jwk(std::string(1025, '\xff'), e), "8192"},
           std::pair{rsa_jwk(even, e), "odd modulus"},
           std::pair{rsa_jwk(n, "\x01"), "exponent"},
           std::pair{rsa_jwk(n, "\x02"), "exponent"},
           std::pair{rsa_jwk(n, std::string("\x01\x00\x00", 3)), "exponent"},
           std::pair{rsa_jwk(n, std::string(1, '\0')), "exponent"},
           std::pair{rsa_jwk(n, std::string(9, '\x7f')), "64 bits"},
           std::pair{rsa_jwk(roca_modulus(), e), "ROCA"},
           std::pair{std::string(R"({"kty":"RSA","e":"AQAB"})"), "n is not base64url"},
           std::pair{std::string(R"({"kty":"RSA","n":"A A","e":"AQAB"})"), "n is not base64url"},
           std::pair{std::string(R"({"kty":"RSA","n":5,"e":"AQAB"})"), "n is not a string"},
           std::pair{ec_jwk("P-256", x, off_curve), "not a point"},
           std::pair{ec_jwk("P-256", std::string(32, '\0'), std::string(32, '\0')), "not a point"},
           std::pair{ec_jwk("P-384", x, y), "as long as"},
           std::pair{ec_jwk("P-256", x.substr(1), y), "as long as"},
           std::pair{ec_jwk("P-256", '\0' + x, y), "as long as"},
           std::pair{ec_jwk("P-384", p384.raw_number("qx"), x + x.substr(0, 16)), "not a point"},
           std::pair{ec_jwk("secp256k1", x, y), "P-256, P-384 or P-521"},
           std::pair{std::string(R"({"kty":"EC","x":"AAAA","y":"AAAA"})"), "P-256"},
           std::pair{ec().jwk(R"("alg":"ES384",)"), "alg"},
           std::pair{ec().jwk(R"("alg":"ES521",)"), "alg"},
           std::pair{ec().jwk(R"("alg":"RS256",)"), "alg"},
           std::pair{ec().jwk(R"("alg":"es256",)"), "alg"},
           std::pair{ec().jwk(R"("alg":"none",)"), "alg"},
           std::pair{ec().jwk(R"("alg":"",)"), "alg"},
           std::pair{ec().jwk(R"("alg":["ES256"],)"), "alg is not a string"},
           std::pair{rsa().jwk(R"("alg":"HS256",)"), "alg"},
           std::pair{rsa().jwk(R"("alg":"RSA-OAEP",)"), "alg"},
           std::pair{ec().jwk(R"("kid":7,)"), "kid is not a string"},
           std::pair{ec().jwk(R"("kid":"",)"), "kid is empty"},
           std::pair{ec().jwk(R"("kid":")" + std::string(kKeyIdBytesMax + 1, 'k') + R"(",)"),
                     "longer than 256"},
           std::pair{ec().jwk(R"("use":1,)"), "use is not a string"},
           std::pair{ec().jwk(R"("key_ops":"verify",)"), "key_ops is not a list"},
           std::pair{std::string(R"({"kty":"OKP","crv":"Ed25519","x":"AAAA"})"), "32 bytes"},
           std::pair{std::string(R"({"kty":"OKP","crv":"X25519","x":"AAAA"})"), "not an RSA"},
           std::pair{std::string(R"({"kty":"OKP","crv":"Ed448","x":"AAAA"})"), "not an RSA"},
           std::pair{std::string(R"({"kty":"rsa","n":"AAAA","e":"AQAB"})"), "not an RSA"},
           std::pair{std::string(R"({"kty":"AKP"})"), "not an RSA"},
           std::pair{std::string("{}"), "not an RSA"},
           std::pair{std::string("[]"), "not an object"},
           std::pair{std::string("null"), "not an object"},
       }) {
    // What is wrong with one key is nothing to the other.
    const auto set = parse_jwk_set(set_of({jwk, rsa().jwk(R"("kid":"good",)")}));
    ASSERT_TRUE(set) << jwk.substr(0, 200) << ": " << set.error().message();
    if (std::string_view(why).empty()) {
      EXPECT_EQ(set->keys.size(), 2U) << jwk.substr(0, 200);
      continue;
    }
    ASSERT_EQ(set->keys.size(), 1U) << jwk.substr(0, 200);
    EXPECT_EQ(set->keys[0].id(), "good");
    EXPECT_THAT(set->left_out, ElementsAre(HasSubstr(why))) << jwk.substr(0, 200);
    EXPECT_THAT(set->left_out[0], HasSubstr("keys[0]"));
  }
}

TEST(JwkSet, WhatIsWrittenIsReadAsTheSameKeys) {
  std::vector<JwsKey> keys;
  for (const char* type : {"RSA", "P-256", "P-521", "Ed25519"}) {
    keys.push_back(SigningKey(type).public_key());
    keys.back().set_id(type);
  }
  const auto read = parse_jwk_set(write_jwk_set(keys));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_TRUE(read->left_out.empty());
  ASSERT_EQ(read->keys.size(), keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(read->keys[i].public_der(), keys[i].public_der());
    EXPECT_EQ(read->keys[i].algorithms(), keys[i].algorithms());
    EXPECT_EQ(read->keys[i].id(), keys[i].id());
  }
}

TEST(JwkSet, AFreshPairSignsWhatItsPublishedHalfVerifies) {
  const JwsKeyPair pair = generate_es256_keys().value();
  const JwsSigner signer = JwsSigner::from_private_pem(pair.private_pem).value();
  EXPECT_EQ(signer.algorithm(), JwsAlgorithm::kEs256);
  EXPECT_EQ(signer.public_pem().value(), pair.public_pem);
  const std::vector published = {JwsKey::from_public_pem(pair.public_pem).value()};
  const JwkSet read = parse_jwk_set(write_jwk_set(published)).value();
  const std::string signature = signer.sign("text").value();
  EXPECT_TRUE(read.keys.at(0).verify(JwsAlgorithm::kEs256, "text", signature));
  EXPECT_FALSE(read.keys.at(0).verify(JwsAlgorithm::kEs256, "other", signature));
}

}  // namespace
}  // namespace insula::jose
