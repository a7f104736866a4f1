//! Colours and sizes that the widgets of GNOME do not have.

/// The style sheet of the window.
const CSS: &str = "
.document-text { font-size: 1.2em; }
.document-text, .document-text text { background-color: @view_bg_color; }
.status-bar { padding: 5px 12px; min-height: 20px; font-size: 0.92em; }
.status-bar .concern { color: @warning_color; font-weight: bold; }
.offline-banner { background-color: alpha(@warning_bg_color, 0.22); padding: 8px 14px; }
.person { min-width: 26px; min-height: 26px; border-radius: 999px; font-size: 0.8em; font-weight: bold;
          border: 2px solid @headerbar_bg_color; margin-left: -6px; }
.person:first-child { margin-left: 0; }
.people-button > button { padding: 0 6px; min-height: 30px; }
.people { background: none; }
.people .person { border: none; margin-left: 0; }
.formula-bar entry { min-height: 28px; }
.cell-editor { background-color: @view_bg_color; outline: 2px solid @accent_bg_color; outline-offset: -2px; }
.cell-editor entry { min-height: 0; padding: 0 4px; background: none; color: @view_fg_color; outline: none; }
.sheet-tabs { padding: 4px 6px; }
.sheet-tabs button { min-height: 24px; padding: 2px 12px; }
.sidebar-words { padding: 12px; }
.sidebar-search { margin: 6px 6px 0 6px; }
.document-row .more { opacity: 0; transition: opacity 120ms; }
.document-row:hover .more, .document-row:focus-within .more, .document-row .more:checked { opacity: 1; }
";

/// Loads the style sheet. Once a process, after GTK began.
pub fn load() {
    relm4::set_global_css(CSS);
}
