/* Symbol visibility and language linkage of the public API. */
#ifndef FRAMEWIRE_EXPORT_H
#define FRAMEWIRE_EXPORT_H

#define FW_API __attribute__((visibility("default")))

#if defined(__GNUC__)
#define FW_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#else
#define FW_PRINTF(format_at, first_at)
#endif

#ifdef __cplusplus
#define FW_BEGIN_DECLS extern "C" {
#define FW_END_DECLS   }
#else
#define FW_BEGIN_DECLS
#define FW_END_DECLS
#endif

#endif
