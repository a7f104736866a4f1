//! The sheet page. This build has none: it says so instead of showing a grid that does nothing.

use relm4::adw;
use relm4::prelude::*;

use crate::page::{PageInput, PageOutput};

/// Stands where the grid will.
pub struct SheetPage;

impl SimpleComponent for SheetPage {
    type Init = ();
    type Input = PageInput;
    type Output = PageOutput;
    type Root = adw::StatusPage;
    type Widgets = ();

    fn init_root() -> adw::StatusPage {
        adw::StatusPage::builder()
            .icon_name("x-office-spreadsheet-symbolic")
            .title("Sheets Open Soon")
            .description("This build cannot show sheets yet. The document is there and safe.")
            .vexpand(true)
            .build()
    }

    fn init((): (), _root: adw::StatusPage, _sender: ComponentSender<Self>) -> ComponentParts<Self> {
        ComponentParts { model: SheetPage, widgets: () }
    }
}
