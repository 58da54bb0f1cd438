#include "base/rights.h"

#include <cap-ng.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* What must be gone is gone. Capabilities of other threads are not looked at: there are none yet. */
static weir_err verify(uid_t uid, gid_t gid, bool keep_files, bool bounded, struct weir_error *error)
{
    bool good = capng_get_caps_process() == 0;
    for (unsigned c = 0; good && c <= CAP_LAST_CAP; c++) {
        bool kept = keep_files && c == CAP_DAC_OVERRIDE;
        good = (kept || (!capng_have_capability(CAPNG_EFFECTIVE, c) && !capng_have_capability(CAPNG_PERMITTED, c))) &&
               !capng_have_capability(CAPNG_INHERITABLE, c) && !capng_have_capability(CAPNG_AMBIENT, c) &&
               !(bounded && capng_have_capability(CAPNG_BOUNDING_SET, c));
    }
    if (getuid() != uid || geteuid() != uid || getegid() != gid || (uid != 0 && setuid(0) == 0))
        good = false;
    if (!good || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return weir_fail(error, WEIR_ERR_LIBRARY, "dropping rights: some are still there; weir does not go on with them");
    return WEIR_OK;
}

weir_err weir_rights_drop(const struct weir_rights *rights, struct weir_error *error)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (rights->user) {
        errno = 0;
        const struct passwd *user = getpwnam(rights->user);
        if (!user)
            return weir_fail(error, WEIR_ERR_NOT_FOUND, "--user %s: %s; give the name of a user of this system", rights->user,
                             errno ? strerror(errno) : "there is no such user");
        uid = user->pw_uid;
        gid = user->pw_gid;
    }
    bool change = uid != getuid() || uid != geteuid() || gid != getegid();
    if (capng_get_caps_process())
        return weir_fail(error, WEIR_ERR_LIBRARY,
                         "dropping rights: the process's capabilities cannot be read; is /proc mounted?");
    if (change && (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SETUID) || !capng_have_capability(CAPNG_EFFECTIVE, CAP_SETGID)))
        return weir_fail(error, WEIR_ERR_PERMISSION,
                         "--user %s: only root can change to another user; start weir as root or as %s", rights->user,
                         rights->user);
    bool keep_files = rights->keep_files && !rights->user && uid == 0 && capng_have_capability(CAPNG_PERMITTED, CAP_DAC_OVERRIDE);
    /* Without this right the bounding set stays; with no_new_privs nothing can be had from it. */
    bool bounded = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return weir_fail(error, WEIR_ERR_LIBRARY, "dropping rights: no_new_privs: %s", strerror(errno));
    capng_clear(CAPNG_SELECT_ALL);
    int code;
    if (change) {
        code =
            capng_change_id((int)uid, (int)gid, CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_AMBIENT | (bounded ? CAPNG_CLEAR_BOUNDING : 0));
    } else {
        if (keep_files)
            capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_DAC_OVERRIDE, -1);
        code = capng_apply(bounded ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT);
    }
    if (code)
        return weir_fail(error, WEIR_ERR_LIBRARY, "dropping rights: libcap-ng failed with %d at %s", code,
                         change ? "changing the user" : "applying the capabilities");
    return verify(uid, gid, keep_files, bounded, error);
}

/* The name of a user, or the number. */
static const char *user_name(uid_t uid, char *room, size_t size)
{
    const struct passwd *user = getpwuid(uid);
    snprintf(room, size, "%u", (unsigned)uid);
    if (user)
        snprintf(room, size, "%s", user->pw_name);
    return room;
}

weir_err weir_rights_check_output(const char *path, struct weir_error *error)
{
    struct stat st;
    char copy[PATH_MAX], self[64], owner[64];
    bool there = stat(path, &st) == 0;
    if (!strcmp(path, "-") || (there && !S_ISREG(st.st_mode)) || strlen(path) >= sizeof copy)
        return WEIR_OK;
    const char *refused = there && access(path, R_OK | W_OK) ? path : NULL;
    if (!refused) {
        const char *folder = dirname(strcpy(copy, path));
        if (access(folder, W_OK | X_OK) && errno == EACCES && stat(folder, &st) == 0)
            refused = folder;
    }
    if (!refused)
        return WEIR_OK;
    user_name(geteuid(), self, sizeof self);
    user_name(st.st_uid, owner, sizeof owner);
    return weir_fail(
        error, WEIR_ERR_PERMISSION,
        "%s: user %s may not write it once weir has dropped its rights, it belongs to %s; give --user %s, or another "
        "place for %s",
        refused, self, owner, owner, path);
}
