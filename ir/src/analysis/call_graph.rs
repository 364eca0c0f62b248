//! Who calls whom, and the strongly connected components of that, callees first.
//!
//! A function that asks for a derivative depends on its primal as if it called it: it may not be processed before it, and
//! a primal that contains a request for its own derivative is recursive. Source: Tarjan's algorithm, without recursion.

use super::Table;
use crate::entity::Entity;
use crate::function::{Body, Function, Region};
use crate::module::{FuncId, Module};
use crate::opcode::Op;

/// Calls between the functions of a module. Stale when a call is added, removed or redirected.
#[derive(Clone, Debug, Default)]
pub struct CallGraph {
    /// For each function, the callee of each call in it, in order of the text, repeated as often as it is called.
    pub callees: Table<FuncId, Vec<FuncId>>,
    /// Number of calls of a function in the whole module, and of requests for its derivative.
    pub uses: Table<FuncId, u32>,
    /// All functions, every callee before its callers, except in cycles.
    pub bottom_up: Vec<FuncId>,
    /// Functions that can reach themselves.
    pub recursive: Table<FuncId, bool>,
    /// Functions that can reach each other have the same number.
    pub component: Table<FuncId, u32>,
}

impl CallGraph {
    pub fn of_module(module: &Module) -> CallGraph {
        let mut graph = CallGraph::default();
        for (id, func) in module.funcs.iter() {
            let callees = callees_of(func);
            callees.iter().for_each(|callee| graph.uses[*callee] += 1);
            graph.callees[id] = callees;
        }
        graph.find_components(module.funcs.len());
        graph
    }

    /// The functions that can be reached from `entries`.
    pub fn reachable(&self, entries: &[FuncId]) -> Table<FuncId, bool> {
        let mut reached = Table::new();
        let mut work = entries.to_vec();
        while let Some(id) = work.pop() {
            if !std::mem::replace(&mut reached[id], true) {
                work.extend(&self.callees[id]);
            }
        }
        reached
    }

    /// The functions that can reach one that can reach itself.
    pub fn above_recursion(&self) -> Table<FuncId, bool> {
        let mut above = Table::new();
        for id in &self.bottom_up {
            above[*id] = self.recursive[*id] || self.callees[*id].iter().any(|callee| above[*callee]);
        }
        above
    }

    fn find_components(&mut self, count: usize) {
        let mut search = Search::default();
        for index in 0..count {
            search.from(self, FuncId::from_index(index));
        }
    }

    fn close_component(&mut self, members: &[FuncId]) {
        let cyclic = members.len() > 1 || self.callees[members[0]].contains(&members[0]);
        for member in members {
            self.recursive[*member] = cyclic;
            self.component[*member] = self.bottom_up.len() as u32;
        }
        self.bottom_up.extend(members);
    }
}

/// The state of Tarjan's search: numbers start at 1, 0 means "not seen".
#[derive(Default)]
struct Search {
    number: Table<FuncId, u32>,
    low: Table<FuncId, u32>,
    closed: Table<FuncId, bool>,
    component: Vec<FuncId>,
    next: u32,
}

impl Search {
    fn from(&mut self, graph: &mut CallGraph, root: FuncId) {
        if self.number[root] != 0 {
            return;
        }
        self.open(root);
        let mut path = vec![(root, 0)];
        while let Some((id, child)) = path.last_mut() {
            let id = *id;
            let Some(callee) = graph.callees[id].get(*child).copied() else {
                path.pop();
                self.close(graph, id);
                if let Some((parent, _)) = path.last() {
                    self.low[*parent] = self.low[*parent].min(self.low[id]);
                }
                continue;
            };
            *child += 1;
            if self.number[callee] == 0 {
                self.open(callee);
                path.push((callee, 0));
            } else if !self.closed[callee] {
                self.low[id] = self.low[id].min(self.number[callee]);
            }
        }
    }

    fn open(&mut self, id: FuncId) {
        self.next += 1;
        self.number[id] = self.next;
        self.low[id] = self.next;
        self.component.push(id);
    }

    fn close(&mut self, graph: &mut CallGraph, id: FuncId) {
        if self.low[id] != self.number[id] {
            return;
        }
        let start = self.component.iter().rposition(|member| *member == id).expect("an open function is on the stack");
        let members = self.component.split_off(start);
        members.iter().for_each(|member| self.closed[*member] = true);
        graph.close_component(&members);
    }
}

fn callees_of(func: &Function) -> Vec<FuncId> {
    let mut callees = Vec::new();
    match &func.body {
        Body::Defined(entry) => collect_callees(func, *entry, &mut callees),
        Body::Derivative(request) => callees.push(request.primal),
        Body::Pending => {}
    }
    callees
}

fn collect_callees(func: &Function, region: Region, callees: &mut Vec<FuncId>) {
    for inst in &func.regions[region].insts {
        let data = &func.insts[*inst];
        if let Op::Call(callee) = data.op {
            callees.push(callee);
        }
        data.regions.iter().for_each(|region| collect_callees(func, *region, callees));
    }
}
