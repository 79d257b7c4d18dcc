/*
 * policy.h - the checks of a whole path that restrict what its CAs may issue.
 * Never:   included from outside x509/.
 */
#ifndef LOCKGATE_X509_POLICY_H
#define LOCKGATE_X509_POLICY_H

#include "x509/internal.h"

/* Both: path is leaf … anchor; false with the failure noted. */
bool policy_check(struct judgement *judgement, const struct cert *const *path, size_t count);
bool constraints_check(struct judgement *judgement, const struct cert *const *path, size_t count);

/* The duties of issuers, for the purpose server alone. */
bool path_check_profile(struct judgement *judgement, const struct cert *const *path, size_t count);
/* A host name of letters, digits, '-' and '_' in labels as DNS has them, and no address. */
bool host_name_valid(struct bytes name);
/* Whether a reference name (x509_host_valid()) is an address. */
bool host_is_address(const char *name);
/* The same text, ASCII letters folded. */
bool host_equal_folded(struct bytes a, struct bytes b);

#endif
