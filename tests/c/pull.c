/*
 * Pulls: what their config takes, and what comes of a registry that is not there. Those from real ones are in tests/pull.
 */
#include "async.h"
#include "fixture.h"

#include <arpa/inet.h>
#include <sys/socket.h>

static msb_backend backend;

/* Nobody listens there. */
#define NOWHERE "127.0.0.1:1/team/app:1"

TEST(a_config_survives_its_json_and_refuses_nonsense) {
    msb_error *err = NULL;
    msb_bytes *json = NULL, *again = NULL;
    msb_image_pull_config *config = msb_image_pull_config_new(), *read = NULL;
    CHECK_OK(err, msb_image_pull_config_set_policy(config, MSB_IMAGE_PULL_POLICY_ALWAYS, &err));
    CHECK_OK(err, msb_image_pull_config_set_platform(config, "linux/arm64/v8", &err));
    CHECK_OK(err, msb_image_pull_config_set_credentials(config, "ada", "engine", &err));
    CHECK_OK(err, msb_image_pull_config_set_insecure(config, 1, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_image_pull_config_set_policy(config, 3, &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_image_pull_config_set_token(config, "", &err));
    CHECK_OK(err, msb_image_pull_config_to_json(config, &json, &err));
    char text[512];
    snprintf(text, sizeof text, "%.*s", (int)msb_bytes_len(json), (const char *)msb_bytes_data(json));
    CHECK(strstr(text, "\"policy\":\"always\"") && strstr(text, "\"insecure\":true"));
    CHECK_OK(err, msb_image_pull_config_from_json(text, &read, &err));
    CHECK_OK(err, msb_image_pull_config_to_json(read, &again, &err));
    CHECK(msb_bytes_len(again) == msb_bytes_len(json) && memcmp(msb_bytes_data(again), text, msb_bytes_len(json)) == 0);
    msb_bytes_free(json);
    msb_bytes_free(again);
    msb_image_pull_config_free(read);
    /* Both a login and a token: which one is meant? */
    msb_image_info *info = NULL;
    CHECK_OK(err, msb_image_pull_config_set_token(config, "t", &err));
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_image_pull(backend, NOWHERE, config, &info, &err));
    msb_image_pull_config_free(config);
}

TEST(without_a_registry_there_is_an_error_that_says_what_to_do) {
    msb_error *err = NULL;
    msb_image_info *info = NULL;
    msb_image_pull_config *config = msb_image_pull_config_new();
    CHECK_OK(err, msb_image_pull_config_set_insecure(config, 1, &err));
    CHECK(msb_image_pull(backend, NOWHERE, config, &info, &err) == MSB_ERR_NETWORK);
    CHECK(info == NULL && strcmp(msb_error_reason(err), "registry.connect") == 0 && strstr(msb_error_message(err), "check its name"));
    msb_error_free(err);
    err = NULL;
    CHECK_STATUS(MSB_ERR_INVALID_ARGUMENT, err, msb_image_pull(backend, "No Such/Name", config, &info, &err));
    CHECK_OK(err, msb_image_pull_config_set_policy(config, MSB_IMAGE_PULL_POLICY_NEVER, &err));
    CHECK_STATUS(MSB_ERR_NOT_FOUND, err, msb_image_pull(backend, NOWHERE, config, &info, &err));
    msb_image_pull_config_free(config);
}

/* A registry that accepts and says nothing. */
static int silent(char *reference, size_t size) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 4) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    snprintf(reference, size, "127.0.0.1:%d/team/app:1", ntohs(address.sin_port));
    return listener;
}

TEST(a_pull_that_waits_for_its_registry_is_cancelled) {
    msb_error *err = NULL;
    char reference[64];
    int listener = silent(reference, sizeof reference);
    msb_queue queue = new_queue();
    msb_op op = {0};
    msb_image_info *info = NULL;
    msb_image_pull_config *config = msb_image_pull_config_new();
    CHECK_OK(err, msb_image_pull_config_set_insecure(config, 1, &err));
    CHECK_OK(err, msb_image_pull_async(backend, reference, config, queue, 9, &op, &err));
    struct pollfd asked = {.fd = listener, .events = POLLIN};
    CHECK(poll(&asked, 1, PATIENCE_MS) == 1);
    CHECK_OK(err, msb_op_cancel(op, &err));
    CHECK(completes(queue, op, 9, MSB_ERR_CANCELLED));
    CHECK_STATUS(MSB_ERR_CANCELLED, err, msb_op_take_image_info(op, &info, &err));
    msb_op_release(&op);
    msb_image_pull_config_free(config);
    close_queue(&queue);
    close(listener);
}

int main(int argc, char **argv) {
    fixture_begin(argc, argv, NULL);
    backend = open_backend(fixture_home);
    RUN(a_config_survives_its_json_and_refuses_nonsense);
    RUN(without_a_registry_there_is_an_error_that_says_what_to_do);
    RUN(a_pull_that_waits_for_its_registry_is_cancelled);
    close_backend(&backend);
    return fixture_end();
}
