#include "pictures.h"

static bytes npy(int version, const char *dict, const void *data, size_t size) {
    size_t start = version == 1 ? 10 : 12, length = strlen(dict);
    bytes file = { calloc(1, start + length + size + 1), start + length + size };
    memcpy(file.data, "\x93NUMPY", 6);
    file.data[6] = (uint8_t)version;
    file.data[8] = (uint8_t)length;
    file.data[9] = (uint8_t)(length >> 8);
    memcpy(file.data + start, dict, length);
    memcpy(file.data + start + length, data, size);
    return file;
}

static void assert_elements(const char *dict, const void *data, size_t size, fw_dtype dtype, const void *wanted) {
    for (int version = 1; version <= 3; version++) {
        bytes file = npy(version, dict, data, size);
        picture result = decode(&fw_codec_npy, file);
        if (result.status != FW_OK)
            fail_msg("%s: %s", dict, result.cause);
        assert_int_equal(result.format.dtype, dtype);
        assert_int_equal(result.format.size, size);
        assert_memory_equal(result.pixels, wanted, size);
        drop(&result);
        free(file.data);
    }
}

static void planes_of_bytes_and_shorts_are_grey_images(void **state) {
    (void)state;
    bytes file = npy(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }   \n", "abcdef", 6);
    picture result = decode(&fw_codec_npy, file);
    assert_image(&result, FW_MONO8, 3, 2);
    assert_memory_equal(result.pixels, "abcdef", 6);
    drop(&result);
    free(file.data);
    file = npy(1, "{'descr': '>u2', 'fortran_order': False, 'shape': (1, 3), }", "abcdef", 6);
    result = decode(&fw_codec_npy, file);
    assert_image(&result, FW_MONO16, 3, 1);
    assert_memory_equal(result.pixels, "badcfe", 6);
    drop(&result);
    free(file.data);
}

static void all_else_is_a_plain_array(void **state) {
    (void)state;
    bytes file = npy(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 3), }", "abcdef", 6);
    picture result = decode(&fw_codec_npy, file);
    assert_int_equal(result.status, FW_OK);
    assert_int_equal(result.format.pixels, FW_PLAIN);
    assert_int_equal(result.format.ndim, 3);
    assert_int_equal(result.format.shape[2], 3);
    drop(&result);
    free(file.data);
}

static void every_type_is_read(void **state) {
    (void)state;
    static const struct {
        const char *name;
        fw_dtype dtype;
        size_t size;
    } types[] = {
        { "|b1", FW_BOOL, 1 }, { "|u1", FW_U8, 1 },     { "|i1", FW_I8, 1 },  { "<u2", FW_U16, 2 },
        { "<i2", FW_I16, 2 },  { "<u4", FW_U32, 4 },    { "<i4", FW_I32, 4 }, { "<u8", FW_U64, 8 },
        { "<i8", FW_I64, 8 },  { "<f2", FW_F16, 2 },    { "<f4", FW_F32, 4 }, { "<f8", FW_F64, 8 },
        { "<c8", FW_C64, 8 },  { "<c16", FW_C128, 16 }, { "u1", FW_U8, 1 },   { "=f4", FW_F32, 4 },
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char dict[96];
        snprintf(dict, sizeof dict, "{\"shape\": (3,), 'fortran_order': False, \"descr\": '%s'}", types[i].name);
        assert_elements(dict, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL", 3 * types[i].size, types[i].dtype,
                        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL");
    }
}

static void big_endian_becomes_little_endian(void **state) {
    (void)state;
    assert_elements("{'descr': '>i2', 'fortran_order': False, 'shape': (2,)}", "abcd", 4, FW_I16, "badc");
    assert_elements("{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}", "abcdefgh", 8, FW_F32, "dcbahgfe");
    assert_elements("{'descr': '>f8', 'fortran_order': False, 'shape': (1,)}", "abcdefgh", 8, FW_F64, "hgfedcba");
    assert_elements("{'descr': '>c8', 'fortran_order': False, 'shape': (1,)}", "abcdefgh", 8, FW_C64, "dcbahgfe");
    assert_elements("{'descr': '>u1', 'fortran_order': False, 'shape': (2,)}", "ab", 2, FW_U8, "ab");
}

static void fortran_order_becomes_c_order(void **state) {
    (void)state;
    assert_elements("{'descr': '|i1', 'fortran_order': True, 'shape': (2, 3)}", "adbecf", 6, FW_I8, "abcdef");
    assert_elements("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}", "adbecf", 6, FW_U8, "abcdef");
    assert_elements("{'descr': '>u2', 'fortran_order': True, 'shape': (2, 2)}", "aAcCbBdD", 8, FW_U16, "AaBbCcDd");
    /* element (i, j, k) of a (2, 3, 4) array is at i + 2 j + 6 k in the file */
    uint8_t stored[24], wanted[24];
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++) {
                stored[i + 2 * j + 6 * k] = (uint8_t)(100 * i + 10 * j + k);
                wanted[12 * i + 4 * j + k] = (uint8_t)(100 * i + 10 * j + k);
            }
    assert_elements("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4)}", stored, 24, FW_U8, wanted);
    assert_elements("{'descr': '|u1', 'fortran_order': True, 'shape': (6,)}", "abcdef", 6, FW_U8, "abcdef");
    assert_elements("{'descr': '|i1', 'fortran_order': True, 'shape': (1, 6, 1)}", "abcdef", 6, FW_I8, "abcdef");
}

static void what_is_no_array_of_numbers_is_refused(void **state) {
    (void)state;
    const struct {
        const char *dict;
        fw_status status;
        const char *cause;
    } cases[] = {
        { "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", FW_UNSUPPORTED, "only pickle can read" },
        { "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", FW_UNSUPPORTED, "a structured array" },
        { "{'descr': '<U4', 'fortran_order': False, 'shape': (1,)}", FW_UNSUPPORTED, "an array of type <U4" },
        { "{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}", FW_UNSUPPORTED, "an array of type <f16" },
        { "{'descr': '<', 'fortran_order': False, 'shape': (1,)}", FW_UNSUPPORTED, "an array of type <" },
        { "{'descr': '', 'fortran_order': False, 'shape': (1,)}", FW_UNSUPPORTED, "an array of type" },
        { "{'descr': 3, 'fortran_order': False, 'shape': (1,)}", FW_BAD_INPUT, "its descr is not a type" },
        { "{'descr': '|u1', 'fortran_order': False, 'shape': ()}", FW_UNSUPPORTED, "an array without dimensions" },
        { "{'descr': '|u1', 'fortran_order': False, 'shape': (0,)}", FW_BAD_INPUT, "no elements" },
        { "{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", FW_UNSUPPORTED,
          "more than 8 dimensions" },
        { "{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}", FW_BAD_INPUT, "not made of numbers" },
        { "{'descr': '|u1', 'fortran_order': False, 'shape': (1 1)}", FW_BAD_INPUT, "does not end" },
        { "{'descr': '|u1', 'fortran_order': False, 'shape': 4}", FW_BAD_INPUT, "not a tuple" },
        { "{'descr': '|u1', 'fortran_order': Maybe, 'shape': (1,)}", FW_BAD_INPUT, "it needs descr" },
        { "{'descr': '|u1', 'fortran_order': False}", FW_BAD_INPUT, "it needs descr" },
        { "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (1,)}", FW_BAD_INPUT, "it needs descr" },
        { "{'descr': '|u1', 'fortran_order': False, 'shape': (18446744073709551616,)}", FW_BAD_INPUT,
          "not made of numbers" },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", FW_BAD_INPUT, "2^63" },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (65536, 65536)}", FW_TOO_LARGE, "decoded (limit 4.3 GB)" },
        { "{'descr': '|u1', 'fortran_order': False, 'shape': (65536, 65536)}", FW_TOO_LARGE,
          "claims 65536 x 65536 pixels" },
        { "", FW_BAD_INPUT, "it needs descr" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bytes file = npy(1, cases[i].dict, "abcdefgh", 8);
        assert_refused(&fw_codec_npy, file, (fw_limits){ 0 }, cases[i].status, cases[i].cause);
        free(file.data);
    }
    bytes file = npy(4, "{}", "", 0);
    assert_refused(&fw_codec_npy, file, (fw_limits){ 0 }, FW_UNSUPPORTED, "NPY version 4");
    free(file.data);
}

static void a_file_that_is_cut_is_refused(void **state) {
    (void)state;
    for (int version = 1; version <= 3; version++) {
        bytes file =
            npy(version, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }\n", "0123456789abcdef", 16);
        assert_every_cut_is_refused(&fw_codec_npy, file, 1);
        damage_everywhere(&fw_codec_npy, file, 1);
        free(file.data);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planes_of_bytes_and_shorts_are_grey_images),
        cmocka_unit_test(all_else_is_a_plain_array),
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(big_endian_becomes_little_endian),
        cmocka_unit_test(fortran_order_becomes_c_order),
        cmocka_unit_test(what_is_no_array_of_numbers_is_refused),
        cmocka_unit_test(a_file_that_is_cut_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
