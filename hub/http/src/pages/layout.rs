//! What all pages have in common.

use maud::{DOCTYPE, Markup, html};

/// A page of this title.
pub(super) fn page(title: &str, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="/auth/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/auth/page.css";
            }
            body { main { (body) } }
        }
    }
}

/// A page that only says something.
pub(super) fn plain(title: &str, text: &str) -> Markup {
    page(
        title,
        html! {
            h1 { (title) }
            p { (text) }
            p { a href="/" { "To the start" } }
        },
    )
}

/// What went wrong, where the reader (also one who listens) meets it first.
pub(super) fn problem(text: Option<&str>) -> Markup {
    html! {
        p #problem .problem role="alert" hidden[text.is_none()] { (text.unwrap_or_default()) }
    }
}

/// Name and password, for signing in.
pub(super) fn credentials(username: &str) -> Markup {
    html! {
        label for="username" { "User name" }
        input #username name="username" autocomplete="username" autocapitalize="none"
            spellcheck="false" maxlength="255" required autofocus[username.is_empty()]
            value=(username);
        label for="password" { "Password" }
        input #password name="password" type="password" autocomplete="current-password"
            maxlength="1024" required autofocus[!username.is_empty()];
    }
}

/// Whether to stay signed in.
pub(super) fn remember(preselected: bool) -> Markup {
    html! {
        label .choice {
            input type="checkbox" name="remember" checked[preselected];
            "Keep me signed in"
        }
    }
}
