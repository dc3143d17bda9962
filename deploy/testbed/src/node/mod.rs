//! The real `fritzy` binary as processes: one node in a workspace, or several in a cluster.

mod binary;
mod child;
mod cluster;
mod process;
mod slot;
mod workspace;

pub use binary::node_binary;
pub(crate) use binary::profile_dir;
pub use child::ChildProcess;
pub use cluster::{LocalCluster, LocalNode};
pub use process::{ExitedProcess, NODE_TIME_MAX, NodeProcess};
pub use slot::{ClusterSettings, NodeAddresses, NodeSlot};
pub use workspace::Workspace;
