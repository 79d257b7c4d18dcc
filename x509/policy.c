/*
 * policy.c - certificate policies along a path (RFC 5280 6.1.2 to 6.1.5), kept as a graph (RFC 9618) so that mappings cannot
 *            make it grow exponentially.
 * Owns:    the graph while a path is checked.
 * Never:   looks into qualifiers; grows past POLICY_NODES_MAX.
 * Threads: any.
 *
 * One level per certificate, at most one node per policy on a level. A node without parents hangs on the anyPolicy of the
 * level above it. An anchor's own policyConstraints and inhibitAnyPolicy hold as the initial values of RFC 5937, and its
 * policies and mappings, if it has any, as a CA's do.
 */
#include "x509/policy.h"

#include <stdlib.h>

#define POLICIES_MAX     128u /* in one certificate */
#define MAPPINGS_MAX     128u
#define LEVEL_NODES_MAX  512u
#define POLICY_EDGES_MAX 2048u /* of one level */

static const struct bytes any_policy = {(const uint8_t *)"\x55\x1d\x20\x00", 4};

struct node {
	struct bytes policy;
	bool mapped, reachable;
};

struct edge {
	size_t node;         /* on this level */
	struct bytes parent; /* policy on the level above */
};

struct level {
	struct node *nodes;
	size_t node_count;
	struct edge *edges;
	size_t edge_count;
	bool has_any;
};

struct graph {
	const struct cert *at; /* whose policies are looked at */
	struct level levels[PATH_CERTS_MAX];
	size_t count;
	size_t explicit_policy, mapping, inhibit_any; /* RFC 5280 6.1.2 (d)-(f) */
};

struct mapping {
	struct bytes issuer, subject;
};

static struct node *find_node(const struct level *level, struct bytes policy)
{
	for (size_t i = 0; i < level->node_count; i++) {
		if (bytes_equal(level->nodes[i].policy, policy)) {
			return &level->nodes[i];
		}
	}
	return NULL;
}

static enum err add_node(struct level *level, struct bytes policy, struct node **out)
{
	struct node *node = find_node(level, policy);
	if (node == NULL) {
		if (level->nodes == NULL) {
			level->nodes = calloc(LEVEL_NODES_MAX, sizeof(*level->nodes));
			if (level->nodes == NULL) {
				return ERR_NOMEM;
			}
		}
		if (level->node_count == LEVEL_NODES_MAX) {
			return ERR_LIMIT;
		}
		node = &level->nodes[level->node_count++];
		*node = (struct node){.policy = policy};
	}
	*out = node;
	return ERR_OK;
}

static enum err add_edge(struct level *level, struct bytes policy, struct bytes parent)
{
	struct node *node = NULL;
	enum err err = add_node(level, policy, &node);
	if (err != ERR_OK) {
		return err;
	}
	if (level->edges == NULL) {
		level->edges = calloc(POLICY_EDGES_MAX, sizeof(*level->edges));
		if (level->edges == NULL) {
			return ERR_NOMEM;
		}
	}
	if (level->edge_count == POLICY_EDGES_MAX) {
		return ERR_LIMIT;
	}
	level->edges[level->edge_count++] =
		(struct edge){.node = (size_t)(node - level->nodes), .parent = parent};
	return ERR_OK;
}

/* Removes the nodes for which keep is false, and their edges. keep has node_count entries. */
static void prune(struct level *level, const bool *keep)
{
	size_t moved[LEVEL_NODES_MAX];
	size_t nodes = 0;
	size_t edges = 0;
	for (size_t i = 0; i < level->node_count; i++) {
		moved[i] = nodes;
		if (keep[i]) {
			level->nodes[nodes++] = level->nodes[i];
		}
	}
	for (size_t i = 0; i < level->edge_count; i++) {
		if (keep[level->edges[i].node]) {
			level->edges[edges] = level->edges[i];
			level->edges[edges++].node = moved[level->edges[i].node];
		}
	}
	level->node_count = nodes;
	level->edge_count = edges;
}

/*
 * RFC 5280 4.2.1.4: at least one; CPS and user notice are what there is. Others are passed over, but not in a critical extension,
 * which would have to be understood, nor at anyPolicy, which may not have them: ERR_UNSUPPORTED.
 */
static enum err check_qualifiers(struct wire_reader qualifiers, bool strange_allowed)
{
	static const struct bytes known[] = {{(const uint8_t *)"\x2b\x06\x01\x05\x05\x07\x02\x01", 8},
		{(const uint8_t *)"\x2b\x06\x01\x05\x05\x07\x02\x02", 8}};
	enum err err = wire_reader_left(&qualifiers) == 0 ? ERR_MALFORMED : ERR_OK;
	while (err == ERR_OK && wire_reader_left(&qualifiers) != 0) {
		struct wire_reader pair;
		struct der_item value;
		struct bytes id;
		if (der_enter(&qualifiers, DER_SEQUENCE, &pair) != ERR_OK || der_oid(&pair, &id) != ERR_OK ||
			der_next(&pair, &value) != ERR_OK || der_end(&pair) != ERR_OK) {
			return ERR_MALFORMED;
		}
		if (!strange_allowed && !bytes_equal(id, known[0]) && !bytes_equal(id, known[1])) {
			err = ERR_UNSUPPORTED;
		}
	}
	return err;
}

/* certificatePolicies: the policies but anyPolicy; *any says whether that was there. */
static enum err get_policies(
	const struct cert *cert, struct bytes out[POLICIES_MAX], size_t *count, bool *any)
{
	struct bytes value = cert->ext.value[EXT_CERTIFICATE_POLICIES];
	bool critical = cert->ext.critical[EXT_CERTIFICATE_POLICIES];
	struct wire_reader list;
	*count = 0;
	*any = false;
	if (der_single(value, DER_SEQUENCE, &list) != ERR_OK || wire_reader_left(&list) == 0) {
		return ERR_MALFORMED;
	}
	while (wire_reader_left(&list) != 0) {
		struct wire_reader info;
		struct wire_reader qualifiers;
		struct bytes policy;
		if (der_enter(&list, DER_SEQUENCE, &info) != ERR_OK || der_oid(&info, &policy) != ERR_OK) {
			return ERR_MALFORMED;
		}
		if (wire_reader_left(&info) != 0) {
			if (der_enter(&info, DER_SEQUENCE, &qualifiers) != ERR_OK ||
				der_end(&info) != ERR_OK) {
				return ERR_MALFORMED;
			}
			enum err err =
				check_qualifiers(qualifiers, !critical && !bytes_equal(policy, any_policy));
			if (err != ERR_OK) {
				return err;
			}
		}
		if (bytes_equal(policy, any_policy)) {
			if (*any) {
				return ERR_MALFORMED;
			}
			*any = true;
			continue;
		}
		for (size_t i = 0; i < *count; i++) {
			if (bytes_equal(out[i], policy)) {
				return ERR_MALFORMED; /* RFC 5280 4.2.1.4: not more than once */
			}
		}
		if (*count == POLICIES_MAX) {
			return ERR_LIMIT;
		}
		out[(*count)++] = policy;
	}
	return ERR_OK;
}

static bool contains(const struct bytes *list, size_t count, struct bytes policy)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes_equal(list[i], policy)) {
			return true;
		}
	}
	return false;
}

/* RFC 5280 6.1.3 (d), (e). level already holds what the certificate above lets one expect. */
static enum err apply_policies(struct level *level, const struct cert *cert, bool any_allowed)
{
	struct bytes policies[POLICIES_MAX];
	bool keep[LEVEL_NODES_MAX];
	size_t count = 0;
	bool any = false;
	bool any_above = level->has_any;
	if (!cert->ext.has[EXT_CERTIFICATE_POLICIES]) {
		level->node_count = 0;
		level->edge_count = 0;
		level->has_any = false;
		return ERR_OK;
	}
	enum err err = get_policies(cert, policies, &count, &any);
	if (err != ERR_OK) {
		return err;
	}
	if (!any || !any_allowed) {
		for (size_t i = 0; i < level->node_count; i++) {
			keep[i] = contains(policies, count, level->nodes[i].policy);
		}
		prune(level, keep);
		level->has_any = false;
	}
	for (size_t i = 0; any_above && i < count && err == ERR_OK; i++) {
		struct node *node = NULL;
		err = add_node(level, policies[i], &node); /* (d)(1)(ii) */
	}
	return err;
}

static enum err get_mappings(struct bytes value, struct mapping out[MAPPINGS_MAX], size_t *count)
{
	struct wire_reader list;
	*count = 0;
	if (der_single(value, DER_SEQUENCE, &list) != ERR_OK || wire_reader_left(&list) == 0) {
		return ERR_MALFORMED;
	}
	while (wire_reader_left(&list) != 0) {
		struct wire_reader pair;
		struct mapping mapping;
		if (*count == MAPPINGS_MAX) {
			return ERR_LIMIT;
		}
		if (der_enter(&list, DER_SEQUENCE, &pair) != ERR_OK ||
			der_oid(&pair, &mapping.issuer) != ERR_OK ||
			der_oid(&pair, &mapping.subject) != ERR_OK || der_end(&pair) != ERR_OK ||
			bytes_equal(mapping.issuer, any_policy) || bytes_equal(mapping.subject, any_policy)) {
			return ERR_MALFORMED; /* 6.1.4 (a) */
		}
		out[(*count)++] = mapping;
	}
	return ERR_OK;
}

/* RFC 5280 6.1.4 (b): what the next certificate's policies may be. */
static enum err apply_mappings(struct level *level, const struct cert *cert, bool allowed, struct level *next)
{
	struct mapping mappings[MAPPINGS_MAX];
	size_t count = 0;
	enum err err = ERR_OK;
	if (cert->ext.has[EXT_POLICY_MAPPINGS]) {
		err = get_mappings(cert->ext.value[EXT_POLICY_MAPPINGS], mappings, &count);
	}
	for (size_t i = 0; i < count && err == ERR_OK; i++) {
		struct node *node = find_node(level, mappings[i].issuer);
		if (node == NULL && allowed && level->has_any) {
			err = add_node(level, mappings[i].issuer, &node);
		}
		if (node != NULL) {
			node->mapped = true;
		}
	}
	if (!allowed) { /* (b)(2): what would be mapped is no longer valid */
		bool keep[LEVEL_NODES_MAX];
		for (size_t i = 0; i < level->node_count; i++) {
			keep[i] = !level->nodes[i].mapped;
		}
		prune(level, keep);
		count = 0;
	}
	next->has_any = level->has_any;
	for (size_t i = 0; i < count && err == ERR_OK; i++) {
		if (find_node(level, mappings[i].issuer) != NULL) {
			err = add_edge(next, mappings[i].subject, mappings[i].issuer);
		}
	}
	for (size_t i = 0; i < level->node_count && err == ERR_OK; i++) {
		if (!level->nodes[i].mapped) {
			err = add_edge(next, level->nodes[i].policy, level->nodes[i].policy);
		}
	}
	return err;
}

static void lower(size_t *counter, uint32_t value)
{
	if (value < *counter) {
		*counter = value;
	}
}

/* policyConstraints: SEQUENCE { [0] requireExplicitPolicy, [1] inhibitPolicyMapping }; at least one of them. */
static enum err get_constraints(const struct cert *cert, uint32_t *require, uint32_t *inhibit)
{
	struct wire_reader in;
	*require = UINT32_MAX;
	*inhibit = UINT32_MAX;
	if (!cert->ext.has[EXT_POLICY_CONSTRAINTS]) {
		return ERR_OK;
	}
	if (der_single(cert->ext.value[EXT_POLICY_CONSTRAINTS], DER_SEQUENCE, &in) != ERR_OK ||
		wire_reader_left(&in) == 0) {
		return ERR_MALFORMED;
	}
	if (der_is_next(&in, DER_CONTEXT(0)) && der_uint(&in, DER_CONTEXT(0), require) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (der_is_next(&in, DER_CONTEXT(1)) && der_uint(&in, DER_CONTEXT(1), inhibit) != ERR_OK) {
		return ERR_MALFORMED;
	}
	return der_end(&in);
}

static enum err get_inhibit_any(const struct cert *cert, uint32_t *skip)
{
	*skip = UINT32_MAX;
	if (!cert->ext.has[EXT_INHIBIT_ANY_POLICY]) {
		return ERR_OK;
	}
	struct wire_reader in = wire_reader_init(cert->ext.value[EXT_INHIBIT_ANY_POLICY]);
	return der_uint(&in, DER_INTEGER, skip) == ERR_OK && der_end(&in) == ERR_OK ? ERR_OK : ERR_MALFORMED;
}

/* A leaf maps and inhibits nothing below it, but what stands there must be well-formed all the same. */
static enum err check_unused(const struct cert *leaf)
{
	struct mapping mappings[MAPPINGS_MAX];
	size_t count = 0;
	uint32_t skip = 0;
	enum err err = get_inhibit_any(leaf, &skip);
	if (err == ERR_OK && leaf->ext.has[EXT_POLICY_MAPPINGS]) {
		err = get_mappings(leaf->ext.value[EXT_POLICY_MAPPINGS], mappings, &count);
	}
	return err;
}

/* RFC 5280 6.1.4 (i), (j) */
static enum err apply_constraints(struct graph *graph, const struct cert *cert)
{
	uint32_t require = UINT32_MAX;
	uint32_t inhibit = UINT32_MAX;
	enum err err = get_constraints(cert, &require, &inhibit);
	if (err != ERR_OK) {
		return err;
	}
	uint32_t skip = UINT32_MAX;
	lower(&graph->explicit_policy, require);
	lower(&graph->mapping, inhibit);
	err = get_inhibit_any(cert, &skip);
	if (err == ERR_OK) {
		lower(&graph->inhibit_any, skip);
	}
	return err;
}

static void count_down(size_t *counter)
{
	if (*counter != 0) {
		(*counter)--;
	}
}

/*
 * The anchor's constraints as initial values; and where it names policies, nothing else is issued under it. One that names
 * none may stand for any.
 */
static enum err begin_at_anchor(struct graph *graph, const struct cert *anchor)
{
	enum err err = apply_constraints(graph, anchor);
	graph->levels[0].has_any = true;
	graph->count = 1;
	if (err != ERR_OK || !anchor->ext.has[EXT_CERTIFICATE_POLICIES]) {
		return err;
	}
	err = apply_policies(&graph->levels[0], anchor, true);
	if (err == ERR_OK) {
		err = apply_mappings(
			&graph->levels[0], anchor, graph->mapping != 0, &graph->levels[graph->count]);
		graph->count++;
	}
	return err;
}

static enum err walk(struct graph *graph, const struct cert *const *path, size_t count)
{
	graph->at = path[count - 1];
	enum err err = begin_at_anchor(graph, path[count - 1]);
	for (size_t i = count - 1; i-- > 0 && err == ERR_OK;) {
		const struct cert *cert = path[i];
		struct level *level = &graph->levels[graph->count - 1];
		graph->at = cert;
		bool leaf = i == 0;
		err = apply_policies(level, cert, graph->inhibit_any != 0 || (!leaf && cert->self_issued));
		if (err == ERR_OK && leaf) {
			err = check_unused(cert);
		}
		if (err != ERR_OK || leaf) {
			break;
		}
		err = apply_mappings(level, cert, graph->mapping != 0, &graph->levels[graph->count]);
		graph->count++;
		if (err == ERR_OK && !cert->self_issued) { /* 6.1.4 (h) */
			count_down(&graph->explicit_policy);
			count_down(&graph->mapping);
			count_down(&graph->inhibit_any);
		}
		if (err == ERR_OK) {
			err = apply_constraints(graph, cert);
		}
	}
	if (err == ERR_OK) { /* 6.1.5 (a), (b) */
		uint32_t require = UINT32_MAX;
		uint32_t inhibit = UINT32_MAX;
		count_down(&graph->explicit_policy);
		err = get_constraints(path[0], &require, &inhibit);
		if (err == ERR_OK && require == 0) {
			graph->explicit_policy = 0;
		}
	}
	return err;
}

static bool wants(const struct x509_question *question, struct bytes policy)
{
	for (size_t i = 0; i < question->policy_count; i++) {
		uint8_t content[DER_OID_BYTES_MAX];
		size_t len = 0;
		if (der_oid_parse(question->policies[i], content, &len) == ERR_OK &&
			bytes_equal(bytes_of(content, len), policy)) {
			return true;
		}
	}
	return false;
}

/* RFC 5280 6.1.5 (g): is one of the wanted policies, as the anchor's domain names it, valid for the whole path? */
static bool satisfied(struct graph *graph, const struct x509_question *question)
{
	struct level *last = &graph->levels[graph->count - 1];
	if (last->node_count == 0 && !last->has_any) {
		return false;
	}
	if (question->policy_count == 0 || wants(question, any_policy) || last->has_any) {
		return true;
	}
	for (size_t i = 0; i < last->node_count; i++) {
		last->nodes[i].reachable = true;
	}
	for (size_t depth = graph->count; depth-- > 0;) {
		struct level *level = &graph->levels[depth];
		for (size_t i = 0; i < level->node_count; i++) {
			bool has_parent = false;
			for (size_t e = 0; level->nodes[i].reachable && e < level->edge_count; e++) {
				if (level->edges[e].node != i) {
					continue;
				}
				struct node *parent = depth > 0 ? find_node(&graph->levels[depth - 1],
									  level->edges[e].parent)
								: NULL;
				has_parent = true;
				if (parent != NULL) {
					parent->reachable = true;
				}
			}
			if (level->nodes[i].reachable && !has_parent &&
				wants(question, level->nodes[i].policy)) {
				return true;
			}
		}
	}
	return false;
}

bool policy_check(struct judgement *judgement, const struct cert *const *path, size_t count)
{
	const struct x509_question *question = judgement->question;
	struct graph graph = {.explicit_policy = question->explicit_policy ? 0 : count,
		.mapping = question->inhibit_mapping ? 0 : count,
		.inhibit_any = question->inhibit_any_policy ? 0 : count};
	bool good = false;
	enum err err = walk(&graph, path, count);
	if (err == ERR_NOMEM) {
		judgement->out_of_memory = true;
	} else if (err == ERR_LIMIT) {
		(void)judgement_fail(judgement, RANK_PATH, X509_LIMIT,
			"the certificate policies of '%s', with those above it, are too many",
			cert_label(graph.at).text);
	} else if (err == ERR_UNSUPPORTED) {
		(void)judgement_fail(judgement, RANK_PATH, X509_POLICY,
			"a policy of '%s' has a qualifier that is not known and may not be passed over",
			cert_label(graph.at).text);
	} else if (err != ERR_OK) {
		(void)judgement_fail(judgement, RANK_PATH, X509_POLICY,
			"a policy extension of '%s' is malformed", cert_label(graph.at).text);
	} else if (graph.explicit_policy == 0 && !satisfied(&graph, question)) {
		(void)judgement_fail(judgement, RANK_PATH, X509_POLICY,
			"certificate '%s' was not issued under an acceptable certificate policy",
			cert_label(path[0]).text);
	} else {
		good = true;
	}
	for (size_t i = 0; i < ARRAY_COUNT(graph.levels); i++) {
		free(graph.levels[i].nodes);
		free(graph.levels[i].edges);
	}
	return good;
}
