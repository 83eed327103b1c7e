//! Slugs: how a name becomes part of an id (spec state-machine §0).

/// Lower-case ASCII; runs of other characters become one `_`; apostrophes too, as in
/// `Paul's Phone` → `paul_s_phone`; nothing left becomes `unknown`, empty stays empty.
///
/// ```
/// use hearth_core::slug::slugify;
///
/// assert_eq!(slugify("Paul's Phone"), "paul_s_phone");
/// assert_eq!(slugify("Küche – 1"), "kuche_1");
/// assert_eq!(slugify("!!!"), "unknown");
/// ```
pub fn slugify(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let plain = deunicode::deunicode(text);
    let mut slug = String::with_capacity(plain.len());
    for character in plain.chars() {
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('_') {
            slug.push('_');
        }
    }
    let kept = slug.trim_end_matches('_').len();
    slug.truncate(kept);
    if slug.is_empty() {
        return "unknown".to_owned();
    }
    slug
}
