/* Value objects of msb.h as plain objects. Each borrows its argument, and gives NULL with an exception pending. */
#ifndef MSB_NODE_RECORDS_H
#define MSB_NODE_RECORDS_H

#include "addon.h"

napi_value exit_record(napi_env env, const msb_exit *exit);
napi_value exec_status_record(napi_env env, const msb_exec_status *status);
napi_value file_info_record(napi_env env, const msb_file_info *info);
napi_value file_page_record(napi_env env, const msb_file_page *page);
napi_value file_progress_record(napi_env env, const msb_file_progress *progress);
napi_value sandbox_info_record(napi_env env, const msb_sandbox_info *info);
napi_value sandbox_page_record(napi_env env, const msb_sandbox_page *page);
napi_value volume_info_record(napi_env env, const msb_volume_info *info);
napi_value volume_page_record(napi_env env, const msb_volume_page *page);
napi_value image_info_record(napi_env env, const msb_image_info *info);
napi_value image_page_record(napi_env env, const msb_image_page *page);
napi_value probe_record(napi_env env, const msb_probe_report *report);
napi_value storage_usage_record(napi_env env, const msb_storage_usage *usage);
napi_value fsck_record(napi_env env, const msb_fsck_report *report);
napi_value prune_record(napi_env env, const msb_prune_report *report);

#endif
