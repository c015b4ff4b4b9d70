//! The home screen.

use super::stage::Stage;

#[test]
fn home_at_three_sizes() {
    for (width, height) in [(120, 40), (80, 24), (40, 10)] {
        let screen = Stage::full(width, height).screen();
        insta::assert_snapshot!(format!("home_{width}x{height}"), screen);
    }
}
