/* Images: the calls of msb_image_*. They have no handles: an image is found by its reference. */
#include "addon.h"

static msb_status image_load(struct call *call) {
    return msb_image_load_async(BACKEND_AT(0), TEXT_AT(1), CONFIG_AT(2), SUBMIT);
}

static msb_status image_load_fd(struct call *call) {
    return msb_image_load_fd_async(BACKEND_AT(0), (int32_t)NUMBER_AT(1), CONFIG_AT(2), SUBMIT);
}

static msb_status image_pull(struct call *call) {
    return msb_image_pull_async(BACKEND_AT(0), TEXT_AT(1), CONFIG_AT(2), SUBMIT);
}

static msb_status image_save(struct call *call) {
    return msb_image_save_async(BACKEND_AT(0), TEXT_AT(1), TEXT_AT(2), SUBMIT);
}

static msb_status image_save_fd(struct call *call) {
    return msb_image_save_fd_async(BACKEND_AT(0), TEXT_AT(1), (int32_t)NUMBER_AT(2), SUBMIT);
}

static msb_status image_info_get(struct call *call) {
    return msb_image_info_get(BACKEND_AT(0), TEXT_AT(1), &call->result.image_info, &call->err);
}

static msb_status image_list(struct call *call) {
    return msb_image_list(BACKEND_AT(0), CONFIG_AT(1), &call->result.image_page, &call->err);
}

static msb_status image_remove(struct call *call) {
    return msb_image_remove(BACKEND_AT(0), TEXT_AT(1), &call->err);
}

const struct method image_methods[] = {
    OPERATION(image_load, "Bto", IMAGE_INFO),
    OPERATION(image_load_fd, "Bio", IMAGE_INFO),
    OPERATION(image_pull, "Btp", IMAGE_INFO),
    OPERATION(image_save, "Btt", NOTHING),
    OPERATION(image_save_fd, "Bti", NOTHING),
    DIRECT(image_info_get, "Bt", IMAGE_INFO),
    DIRECT(image_list, "Bn", IMAGE_PAGE),
    DIRECT(image_remove, "Bt", NOTHING),
    {0},
};
