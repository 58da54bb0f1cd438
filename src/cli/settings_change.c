#include "cli/settings_change.h"

weir_err weir_settings_change(const struct weir_settings *settings, const struct weir_settings_reading *now,
                              const struct weir_settings_reading *fresh, json_t **changed, struct weir_error *error)
{
    char names[400] = "";
    size_t used = 0;
    *changed = now->file ? json_array() : NULL;
    for (size_t i = 0; i < settings->count; i++) {
        const struct weir_setting *row = &settings->row[i];
        if (weir_setting_same(row, now->options, &now->told[i], fresh->options, &fresh->told[i]))
            continue;
        if (row->live) {
            json_array_append_new(*changed, json_string(row->name));
            continue;
        }
        bool gone = !fresh->told[i].value.count;
        if (used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s%s", used ? ", " : "",
                                     gone ? row->name : weir_setting_place(row, &fresh->told[i], fresh->file).text,
                                     gone ? " (there no more)" : "");
    }
    if (!used)
        return WEIR_OK;
    json_decref(*changed);
    *changed = NULL;
    return weir_fail(error, WEIR_ERR_BUSY, "%s: this cannot change while weir runs; restart to change it, or take it back",
                     names);
}
