//! Projects: what identifies a repository wherever its directory is.

/// Identity of a repository, as far as small files show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryIdentity {
    /// Address of its remote.
    pub remote: Option<String>,
    /// First commit that was checked out here.
    pub first_commit: Option<String>,
}
