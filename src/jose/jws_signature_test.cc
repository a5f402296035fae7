// Signatures that are almost right: numbers out of range, other encodings, modified padding. The
// classes are those of Wycheproof's vectors; the signatures are made here.

#include <memory>

#include <gtest/gtest.h>
#include <openssl/ec.h>

#include "jose/jws.h"
#include "jose/testing/signed_tokens.h"

namespace insula::jose {
namespace {

TEST(JwsSignature, EcdsaNumbersOutOfRange) {
  for (const auto& [algorithm, type] :
       {Served{"ES256", "P-256"}, Served{"ES384", "P-384"}, Served{"ES512", "P-521"}}) {
    const SigningKey& key = signing_key(type);
    const std::unique_ptr<EC_GROUP, decltype(&EC_GROUP_free)> group(
        EC_GROUP_new_by_curve_name(EC_curve_nist2nid(type)), EC_GROUP_free);
    const BIGNUM* order = EC_GROUP_get0_order(group.get());
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(BN_new(), BN_free);
    std::vector<std::string> edges;
    for (const unsigned small : {0U, 1U}) {
      BN_set_word(number.get(), small);
      edges.push_back(big_endian(number.get(), key.size()));
    }
    BN_copy(number.get(), order);
    BN_sub_word(number.get(), 1);
    edges.push_back(big_endian(number.get(), key.size()));  // n - 1
    edges.push_back(big_endian(order, key.size()));         // n
    BN_add_word(number.get(), 2);
    edges.push_back(big_endian(number.get(), key.size()));  // n + 1
    edges.emplace_back(key.size(), '\xff');
    const std::string good = good_token(algorithm, type);
    const std::string signature = signature_of(good);
    edges.push_back(signature.substr(0, key.size()));
    edges.push_back(signature.substr(key.size()));
    for (const std::string& r : edges) {
      for (const std::string& s : edges) {
        if (r + s == signature) continue;
        EXPECT_FALSE(verify_jws(with_signature(good, r + s), issuer_keys())) << algorithm;
      }
    }
    // ASN.1, as TLS and X.509 have it.
    const std::string input = good.substr(0, good.rfind('.'));
    const std::string der = key.sign_raw("SHA" + std::string(algorithm + 2), false, input);
    EXPECT_FALSE(verify_jws(with_signature(good, der), issuer_keys())) << algorithm;
    // The coordinates of another curve's size.
    const std::size_t half = key.size();
    EXPECT_FALSE(verify_jws(
        with_signature(good, '\0' + signature.substr(0, half) + '\0' + signature.substr(half)),
        issuer_keys()));
  }
}

TEST(JwsSignature, Ed25519SignaturesHaveOneForm) {
  const std::string good = good_token("EdDSA", "Ed25519");
  std::string signature = signature_of(good);
  // S + L, with L the group's order, little-endian.
  constexpr std::array<unsigned char, 32> kOrder = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                                    0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                                    0,    0,    0,    0,    0,    0,    0,    0,
                                                    0,    0,    0,    0,    0,    0,    0,    0x10};
  unsigned carry = 0;
  for (std::size_t i = 0; i < kOrder.size(); ++i) {
    const unsigned sum = static_cast<unsigned char>(signature[32 + i]) + kOrder[i] + carry;
    signature[32 + i] = static_cast<char>(sum & 0xffU);
    carry = sum >> 8U;
  }
  EXPECT_FALSE(verify_jws(with_signature(good, signature), issuer_keys()));
}

/// RFC 8017 section 9.2 for SHA-256.
std::string padded(std::string_view input, std::size_t size, std::string_view info) {
  std::string block = std::string("\0\x01", 2);
  const std::string digest = sha256(input);
  block.append(size - block.size() - 1 - info.size() - digest.size(), '\xff');
  return block + '\0' + std::string(info) + digest;
}

TEST(JwsSignature, ModifiedPadding) {
  const SigningKey& rsa = signing_key("RSA");
  const std::string good = good_token("RS256", "RSA");
  const std::string input = good.substr(0, good.rfind('.'));
  const std::string info(
      "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20", 19);
  const std::string block = padded(input, rsa.size(), info);
  const auto accepts = [&](const std::string& changed) {
    return verify_jws(with_signature(good, rsa.rsa_private(changed)), issuer_keys()).has_value();
  };
  ASSERT_TRUE(accepts(block));
  for (std::size_t i = 0; i < block.size(); ++i) {
    std::string changed = block;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    if (i == 0) continue;  // Beyond the modulus.
    EXPECT_FALSE(accepts(changed)) << "byte " << i;
  }
  const std::string without_null(
      "\x30\x2f\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x04\x20", 17);
  const std::string long_length(
      "\x30\x81\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20", 20);
  const std::string indefinite(
      "\x30\x80\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20", 19);
  const std::string sha1_oid("\x30\x2d\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x20", 15);
  for (const std::string& other : {without_null, long_length, indefinite, sha1_oid, std::string()})
    EXPECT_FALSE(accepts(padded(input, rsa.size(), other)));
  // Shorter padding with garbage behind the digest (Bleichenbacher 2006).
  std::string garbage = block.substr(0, 2) + block.substr(2 + 16);
  garbage.append(16, 'x');
  EXPECT_FALSE(accepts(garbage));
  // No padding but zeros, and block type 2.
  EXPECT_FALSE(accepts(std::string(block.size() - info.size() - 32, '\0') + info + sha256(input)));
  std::string type_two = block;
  type_two[1] = 2;
  EXPECT_FALSE(accepts(type_two));
}

TEST(JwsSignature, RsaSignaturesThatAreNumbersOnly) {
  const SigningKey& rsa = signing_key("RSA");
  const std::string modulus = rsa.raw_number("n");
  std::string one(modulus.size(), '\0');
  one.back() = 1;
  std::string last = modulus;
  last.back() = static_cast<char>(last.back() - 1);
  for (const char* algorithm : {"RS256", "PS256"}) {
    const std::string good = good_token(algorithm, "RSA");
    for (const std::string& number : {one, last, modulus})
      EXPECT_FALSE(verify_jws(with_signature(good, number), issuer_keys())) << algorithm;
  }
}

TEST(JwsSignature, PssSaltsAndDigestsAreTheAlgorithmsOwn) {
  const SigningKey& rsa = signing_key("RSA");
  const std::string good = good_token("PS256", "RSA");
  const std::string input = good.substr(0, good.rfind('.'));
  for (const int salt : {0, 20, 31, 33, 64})
    EXPECT_FALSE(
        verify_jws(with_signature(good, rsa.sign_raw("SHA256", true, input, salt)), issuer_keys()))
        << salt;
  EXPECT_FALSE(
      verify_jws(with_signature(good, rsa.sign_raw("SHA384", true, input, 32)), issuer_keys()));
}

TEST(JwsSignature, APssSignatureKeepsItsLeadingZeros) {
  const SigningKey& rsa = signing_key("RSA");
  std::string token;
  std::string signature;
  for (int i = 0; i == 0 || signature.front() != '\0'; ++i) {
    token = rsa.token("PS256", header_of("PS256"), fmt::format(R"({{"n":{}}})", i));
    signature = signature_of(token);
  }
  EXPECT_TRUE(verify_jws(token, issuer_keys()));
  EXPECT_FALSE(verify_jws(with_signature(token, signature.substr(1)), issuer_keys()));
}

}  // namespace
}  // namespace insula::jose
