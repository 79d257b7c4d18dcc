/*
 * java_object.c - passes over one serialized Java object (the Java Object Serialization stream protocol, version 5).
 * Owns:    nothing; what it passes over is not kept.
 * Never:   allocates; makes an object; goes deeper or on longer than the limits below.
 * Threads: any.
 *
 * JCEKS files hold secret keys as serialized objects without a length in front: to find what stands behind one, it has
 * to be read. Nothing in it is taken.
 */
#include "keystore/pkcs12.h"

#define STREAM_HEADER   0xaced0005u
#define HANDLE_BASE     0x7e0000u
#define JAVA_DEPTH_MAX  8u
#define JAVA_HANDLES    64u
#define JAVA_CLASSES    16u
#define JAVA_FIELDS     16u  /* of one class */
#define JAVA_VALUES_MAX 256u /* of one object, nested ones included */
#define JAVA_NO_CLASS   JAVA_CLASSES

enum {
	TC_NULL = 0x70,
	TC_REFERENCE = 0x71,
	TC_CLASSDESC = 0x72,
	TC_OBJECT = 0x73,
	TC_STRING = 0x74,
	TC_ARRAY = 0x75,
	TC_BLOCKDATA = 0x77,
	TC_ENDBLOCKDATA = 0x78
};

enum { SC_WRITE_METHOD = 0x01, SC_SERIALIZABLE = 0x02 };

struct java_class {
	uint8_t flags;
	size_t field_count;
	uint8_t field_types[JAVA_FIELDS];
	uint8_t element; /* of an array class: the type of its elements; else 0 */
	size_t super;    /* JAVA_NO_CLASS: none */
};

struct java_stream {
	struct wire_reader *reader;
	size_t handle_count;
	size_t handle_class[JAVA_HANDLES]; /* JAVA_NO_CLASS: the handle is of something else */
	size_t class_count;
	struct java_class classes[JAVA_CLASSES];
	unsigned values_left;
};

static enum err value_skip(struct java_stream *stream, unsigned depth);

static enum err u8_get(struct java_stream *stream, uint8_t *out)
{
	return wire_get_u8(stream->reader, out) == ERR_OK ? ERR_OK : ERR_MALFORMED;
}

static enum err string_get(struct java_stream *stream, struct bytes *out)
{
	uint16_t len = 0;
	return wire_get_u16(stream->reader, &len) != ERR_OK ||
			       wire_get_bytes(stream->reader, len, out) != ERR_OK
		       ? ERR_MALFORMED
		       : ERR_OK;
}

static enum err handle_new(struct java_stream *stream, size_t class_index)
{
	if (stream->handle_count >= JAVA_HANDLES) {
		return ERR_LIMIT;
	}
	stream->handle_class[stream->handle_count++] = class_index;
	return ERR_OK;
}

static enum err reference_get(struct java_stream *stream, size_t *class_index)
{
	uint32_t handle = 0;
	if (wire_get_u32(stream->reader, &handle) != ERR_OK || handle < HANDLE_BASE ||
		handle - HANDLE_BASE >= stream->handle_count) {
		return ERR_MALFORMED;
	}
	*class_index = stream->handle_class[handle - HANDLE_BASE];
	return ERR_OK;
}

/* Bytes of a primitive type; 0: not primitive. */
static size_t primitive_bytes(uint8_t type)
{
	switch (type) {
	case 'B':
	case 'Z': return 1;
	case 'C':
	case 'S': return 2;
	case 'F':
	case 'I': return 4;
	case 'D':
	case 'J': return 8;
	default: return 0;
	}
}

/* classAnnotation and objectAnnotation: values and blocks of bytes up to the end mark. */
static enum err annotation_skip(struct java_stream *stream, unsigned depth)
{
	for (;;) {
		uint8_t tag = 0;
		uint8_t len = 0;
		if (wire_peek_u8(stream->reader, &tag) != ERR_OK) {
			return ERR_MALFORMED;
		}
		enum err err = ERR_OK;
		if (tag == TC_ENDBLOCKDATA) {
			return u8_get(stream, &tag);
		}
		if (tag == TC_BLOCKDATA) {
			if (u8_get(stream, &tag) != ERR_OK || u8_get(stream, &len) != ERR_OK ||
				wire_skip(stream->reader, len) != ERR_OK) {
				return ERR_MALFORMED;
			}
		} else if ((err = value_skip(stream, depth + 1)) != ERR_OK) {
			return err;
		}
	}
}

/* fieldDesc: a type, a name, and for objects and arrays the name of their class as a string value. */
static enum err field_get(struct java_stream *stream, struct java_class *class, unsigned depth)
{
	uint8_t type = 0;
	struct bytes name = BYTES_NONE;
	enum err err = u8_get(stream, &type);
	if (err != ERR_OK || (err = string_get(stream, &name)) != ERR_OK) {
		return err;
	}
	class->field_types[class->field_count++] = type;
	if (type == 'L' || type == '[') {
		return value_skip(stream, depth + 1);
	}
	return primitive_bytes(type) > 0 ? ERR_OK : ERR_MALFORMED;
}

static enum err class_get(struct java_stream *stream, unsigned depth, size_t *index);

/* TC_CLASSDESC className serialVersionUID newHandle classDescFlags fields classAnnotation superClassDesc */
static enum err class_new(struct java_stream *stream, unsigned depth, size_t *index)
{
	struct java_class class = {.super = JAVA_NO_CLASS};
	struct bytes name = BYTES_NONE;
	uint16_t field_count = 0;
	if (stream->class_count >= JAVA_CLASSES) {
		return ERR_LIMIT;
	}
	size_t own = stream->class_count++;
	enum err err = string_get(stream, &name);
	if (err != ERR_OK || (err = handle_new(stream, own)) != ERR_OK) {
		return err;
	}
	struct wire_reader name_reader = wire_reader_init(name);
	uint8_t first = 0;
	if (wire_get_u8(&name_reader, &first) == ERR_OK && first == '[' &&
		wire_get_u8(&name_reader, &class.element) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (wire_skip(stream->reader, 8) != ERR_OK || u8_get(stream, &class.flags) != ERR_OK ||
		wire_get_u16(stream->reader, &field_count) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if ((class.flags & (unsigned)~(SC_WRITE_METHOD | SC_SERIALIZABLE)) != 0) {
		return ERR_UNSUPPORTED; /* Externalizable, enum: their length is not to be known */
	}
	if (field_count > JAVA_FIELDS) {
		return ERR_LIMIT;
	}
	for (unsigned i = 0; i < field_count && err == ERR_OK; i++) {
		err = field_get(stream, &class, depth);
	}
	if (err != ERR_OK || (err = annotation_skip(stream, depth)) != ERR_OK ||
		(err = class_get(stream, depth + 1, &class.super)) != ERR_OK) {
		return err;
	}
	stream->classes[own] = class;
	*index = own;
	return ERR_OK;
}

static enum err class_get(struct java_stream *stream, unsigned depth, size_t *index)
{
	uint8_t tag = 0;
	if (depth >= JAVA_DEPTH_MAX) {
		return ERR_LIMIT;
	}
	enum err err = u8_get(stream, &tag);
	if (err != ERR_OK) {
		return err;
	}
	switch (tag) {
	case TC_NULL: *index = JAVA_NO_CLASS; return ERR_OK;
	case TC_REFERENCE:
		err = reference_get(stream, index);
		return err == ERR_OK && *index == JAVA_NO_CLASS ? ERR_MALFORMED : err;
	case TC_CLASSDESC: return class_new(stream, depth, index);
	default: return ERR_MALFORMED;
	}
}

static enum err fields_skip(struct java_stream *stream, const struct java_class *class, unsigned depth)
{
	for (size_t i = 0; i < class->field_count; i++) {
		size_t width = primitive_bytes(class->field_types[i]);
		enum err err = ERR_OK;
		if (width == 0) {
			err = value_skip(stream, depth + 1);
		} else if (wire_skip(stream->reader, width) != ERR_OK) {
			err = ERR_MALFORMED;
		}
		if (err != ERR_OK) {
			return err;
		}
	}
	return ERR_OK;
}

/* The data of each class, the outermost ancestor first. */
static enum err object_skip(struct java_stream *stream, unsigned depth)
{
	size_t line[JAVA_DEPTH_MAX];
	size_t count = 0;
	size_t index = JAVA_NO_CLASS;
	enum err err = class_get(stream, depth + 1, &index);
	if (err != ERR_OK || (err = handle_new(stream, JAVA_NO_CLASS)) != ERR_OK) {
		return err;
	}
	for (; index != JAVA_NO_CLASS; index = stream->classes[index].super) {
		if (count >= JAVA_DEPTH_MAX) {
			return ERR_LIMIT; /* also: a class that is its own ancestor */
		}
		line[count++] = index;
	}
	while (count > 0 && err == ERR_OK) {
		const struct java_class *class = &stream->classes[line[--count]];
		if ((class->flags & SC_SERIALIZABLE) == 0) {
			continue;
		}
		err = fields_skip(stream, class, depth);
		if (err == ERR_OK && (class->flags & SC_WRITE_METHOD) != 0) {
			err = annotation_skip(stream, depth);
		}
	}
	return err;
}

static enum err array_skip(struct java_stream *stream, unsigned depth)
{
	size_t index = JAVA_NO_CLASS;
	uint32_t count = 0;
	enum err err = class_get(stream, depth + 1, &index);
	if (err != ERR_OK || (err = handle_new(stream, JAVA_NO_CLASS)) != ERR_OK) {
		return err;
	}
	if (index == JAVA_NO_CLASS || stream->classes[index].element == 0 ||
		wire_get_u32(stream->reader, &count) != ERR_OK) {
		return ERR_MALFORMED;
	}
	size_t width = primitive_bytes(stream->classes[index].element);
	if (width > 0) {
		return count > wire_reader_left(stream->reader) / width ||
				       wire_skip(stream->reader, count * width) != ERR_OK
			       ? ERR_MALFORMED
			       : ERR_OK;
	}
	for (uint32_t i = 0; i < count && err == ERR_OK; i++) {
		err = value_skip(stream, depth + 1);
	}
	return err;
}

static enum err value_skip(struct java_stream *stream, unsigned depth)
{
	uint8_t tag = 0;
	struct bytes text = BYTES_NONE;
	size_t index = 0;
	if (depth >= JAVA_DEPTH_MAX || stream->values_left == 0) {
		return ERR_LIMIT;
	}
	stream->values_left--;
	enum err err = u8_get(stream, &tag);
	if (err != ERR_OK) {
		return err;
	}
	switch (tag) {
	case TC_NULL: return ERR_OK;
	case TC_REFERENCE: return reference_get(stream, &index);
	case TC_OBJECT: return object_skip(stream, depth);
	case TC_STRING:
		err = string_get(stream, &text);
		return err != ERR_OK ? err : handle_new(stream, JAVA_NO_CLASS);
	case TC_ARRAY: return array_skip(stream, depth);
	default: return ERR_UNSUPPORTED;
	}
}

enum err java_object_skip(struct wire_reader *reader)
{
	struct wire_reader at = *reader;
	uint32_t header = 0;
	uint8_t tag = 0;
	if (wire_get_u32(&at, &header) != ERR_OK || header != STREAM_HEADER ||
		wire_peek_u8(&at, &tag) != ERR_OK || tag != TC_OBJECT) {
		return ERR_MALFORMED;
	}
	struct java_stream stream = {.reader = &at, .values_left = JAVA_VALUES_MAX};
	/* A class that is referred to while it is still being described has no fields and no ancestor. */
	for (size_t i = 0; i < JAVA_CLASSES; i++) {
		stream.classes[i].super = JAVA_NO_CLASS;
	}
	enum err err = value_skip(&stream, 0);
	if (err == ERR_OK) {
		*reader = at;
	}
	return err;
}
